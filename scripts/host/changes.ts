/** What host mode watches beside the sources, which are nodemon's. */
import { statSync } from 'node:fs';
import { watch } from 'chokidar';
import { announce } from './output.ts';

const QUIET_MS = 200;
/** How far a file's time may be behind the clock. */
const CLOCK_MS = 20;
const LOCKFILE = 'package-lock.json';
/** npm's note of what it has installed. */
const INSTALLED = 'node_modules/.package-lock.json';

/**
 * Calls `react` once after a burst of changes below `paths`, also those that are not there yet, until the signal. What
 * changes from this call on counts: a busy machine takes a second to set the watches.
 */
export function onChange(paths: string[], signal: AbortSignal, react: () => unknown): void {
  let timer: NodeJS.Timeout | undefined;
  const start = Date.now() - CLOCK_MS;
  let isWatching = false;
  const watcher = watch(paths, { alwaysStat: true });
  watcher.on('ready', () => {
    isWatching = true;
  });
  watcher.on('all', (_, __, stats) => {
    if (!isWatching && stats && stats.ctimeMs < start) return;
    clearTimeout(timer);
    timer = setTimeout(() => signal.aborted || react(), QUIET_MS);
  });
  watcher.on('error', (error) =>
    announce(`✗ Changes of ${paths.join(', ')} are not seen: ${(error as Error).message}`),
  );
  signal.addEventListener('abort', () => void watcher.close(), { once: true });
}

/** What `read` makes of changed values; undefined when they can't be taken up, and one line says why. */
export function readChanged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    announce(`✗ The changed values are not taken up: ${reason}`);
  }
}

/** As after git pull; npm install itself leaves both files new. */
export function askForInstall(signal: AbortSignal): void {
  onChange([LOCKFILE], signal, () => {
    if (statSync(LOCKFILE).mtimeMs > statSync(INSTALLED).mtimeMs + QUIET_MS)
      announce(`! ${LOCKFILE} has changed: Ctrl-C, then make dev installs what it names`);
  });
}
