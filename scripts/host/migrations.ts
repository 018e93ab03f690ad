/** A service's migrations on this machine: the chart's `migrateCommand`, run in the service's folder. */
import { spawn } from 'node:child_process';
import { signalGroup } from '../machine/processes.ts';
import { printLines } from './output.ts';
import type { Definition } from './services.ts';

/** One after the other, since two that run at once wait for each other anyway. */
let last: Promise<unknown> = Promise.resolve();

/**
 * Undefined when they succeeded, or one sentence; what failed is in the lines before. An abort ends them, and `isWanted`
 * is asked when it is their turn.
 */
export function migrate(
  definition: Definition,
  signal: AbortSignal,
  isWanted = (): boolean => true,
): Promise<string | undefined> {
  const isNeeded = (): boolean => definition.migrateCommand.length > 0 && !signal.aborted && isWanted();
  const result = last.then(() => (isNeeded() ? runMigrations(definition, signal) : undefined));
  last = result;
  return result;
}

function runMigrations({ name, folder, env, migrateCommand }: Definition, signal: AbortSignal) {
  const [program = '', ...args] = migrateCommand;
  return new Promise<string | undefined>((done) => {
    // In a group of its own, so that Ctrl-C reaches only us and we say what happens.
    const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const abort = (): void => signalGroup(child.pid ?? 0, 'SIGTERM');
    printLines(name, [child.stdout, child.stderr]);
    signal.addEventListener('abort', abort, { once: true });
    child.once('error', (error) => done(`The migrations of ${name} can't run here: ${error.message}`));
    child.once('close', (code) => {
      signal.removeEventListener('abort', abort);
      done(code === 0 || signal.aborted ? undefined : `The migrations of ${name} failed; see above`);
    });
  });
}
