/**
 * What Tilt's row `orders tests` runs after a save: tests-row.ts SERVICE [CALLEE …]. Waits until these serve it, then runs
 * the service's tests; one row at a time, since a save in the chassis starts them all. Exits as make wait and mocha do.
 * Tilt lets a row run to its end before it starts it again: so a newer save ends it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { watch } from 'chokidar';
import { takeLock } from '../machine/lock.cjs';
import { Fault, run, say } from '../machine/terminal.ts';
import { testedSources } from '../services/tests.ts';

const LOCK = '.stand/tests.lock';
const POLL_MS = 200;
const SUPERSEDED = new Fault('Ended by a newer save, which starts them again');
/** What starts no row, as in the Tiltfile. */
const IGNORED = /\/(node_modules|dist|e2e|test\/slow)$/;
/** A file, and not what an editor writes beside it, such as .app.ts.swp, app.ts~ or 4913. */
const FILE = /\/\w[\w.-]*\.[a-z]+$/;

const [service = '', ...callees] = process.argv.slice(2);
const newer = new AbortController();

run(async () => {
  const saves = watch(testedSources([service, ...callees]), { ignoreInitial: true, ignored: IGNORED });
  saves.on('all', (_event, path) => {
    if (FILE.test(path)) newer.abort(SUPERSEDED);
  });
  try {
    await once(saves, 'ready');
    await untilOthersEnd();
    await runScript('wait', { SERVICE: [service, ...callees].join(' ') });
    if (!process.exitCode) await runScript('test-services', { SERVICE: service });
  } finally {
    await saves.close();
  }
});

async function untilOthersEnd(): Promise<void> {
  for (let said = false; !takeLock(LOCK); said = true) {
    if (!said) say("… another row's tests run");
    await sleep(POLL_MS);
    newer.signal.throwIfAborted();
  }
  process.once('exit', () => rmSync(LOCK));
}

/** One behind a make target, whose exit code becomes that of this one. @throws {Fault} when a newer save has ended it */
async function runScript(name: string, variables: Record<string, string>): Promise<void> {
  newer.signal.throwIfAborted();
  const args = [...process.execArgv, `scripts/make/${name}.ts`];
  const script = spawn(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...variables } });
  newer.signal.addEventListener('abort', () => script.kill('SIGINT'));
  const [code] = await once(script, 'exit');
  newer.signal.throwIfAborted();
  process.exitCode = code ?? 1;
}
