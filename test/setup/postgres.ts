/** One PostgreSQL for each file of tests that asks for it: files run side by side, in processes of their own. */
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Postgres, startPostgres } from '../../scripts/host/postgres.ts';

export const credentials = { user: 'test', password: 'test', database: 'test' };

/** Nothing here needs to survive a crash. */
const IN_A_HURRY = {
  flags: ['fsync', 'synchronous_commit', 'full_page_writes'].flatMap((name) => ['-c', `${name}=off`]),
  initdbFlags: ['--no-sync'],
};

const dir = join(tmpdir(), `stand-test-${process.pid}`);
let server: Promise<Postgres> | undefined;

export function sharedPostgres(): Promise<Postgres> {
  server ??= startPostgres({ ...credentials, dataDir: join(dir, 'data'), port: 0, ...IN_A_HURRY });
  return server;
}

export const mochaHooks = { afterAll: stop };

/** The next file of tests in this process starts it again, on the same data. */
async function stop(): Promise<void> {
  const running = await server?.catch(() => undefined);
  server = undefined;
  await running?.stop();
}

process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
// Mocha ends in order only what ends by itself.
for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 }))
  process.once(signal, () => stop().finally(() => process.exit(code)));
