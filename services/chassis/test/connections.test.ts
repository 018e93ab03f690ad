import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Postgres, startPostgres } from '../../../scripts/host/postgres.ts';
import { databaseAt, withClient } from '../../../test/setup/database.ts';
import { send, until } from '../../../test/setup/http.ts';
import { credentials } from '../../../test/setup/postgres.ts';
import type { Service } from '../../../test/setup/service.ts';
import { startFixture } from './process.ts';

/** As docs/operations.md adds them up: (4 + 2) × (3 + 1) = 24 of the 27 that are not for superusers. */
const REPLICAS = 4;
const POOL_SIZE = 3;
const MAX_CONNECTIONS = 30;

describe('connections', () => {
  let dir: string;
  let postgres: Postgres;
  const pods: Service[] = [];
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'stand-connections-'));
    mkdirSync(join(dir, 'migrations'));
    writeFileSync(join(dir, 'migrations/0001_one.sql'), '-- Up Migration\ncreate table shop.one (n int);\n');
    const flags = ['-c', `max_connections=${MAX_CONNECTIONS}`];
    postgres = await startPostgres({ ...credentials, dataDir: join(dir, 'data'), port: 0, flags });
    await withClient(databaseAt(postgres.port, credentials.database), (client) =>
      client.query(`create role app login password 'app'; grant create on database test to app`),
    );
  });
  after(async () => {
    for (const { process } of pods) process.kill('SIGKILL');
    await postgres?.stop();
    rmSync(dir, { recursive: true });
  });

  const login = (): Record<string, string> => {
    const { env } = databaseAt(postgres.port, credentials.database);
    return { ...env, PGUSER: 'app', PGPASSWORD: 'app', DATABASE_POOL_SIZE: String(POOL_SIZE) };
  };

  /** As a pod starts: migrates, serves, is ready. */
  async function startPod(): Promise<{ pod: Service; url: string }> {
    expect(await startFixture('migrate.ts', login(), dir).exit()).to.equal(0);
    const pod = startFixture('database-server.ts', { ...login(), PORT: '0' });
    pods.push(pod);
    const url = await pod.url();
    await until(async () => (await send(`${url}/readyz`)).status === 200);
    return { pod, url };
  }

  // Sixteen processes start, most of them one after the other.
  it('suffice for a rollout under load, where they are as many as the sum says', async () => {
    const serving = await Promise.all(Array.from({ length: REPLICAS }, startPod));
    const statuses: number[] = [];
    let loaded = true;
    const work = encodeURIComponent('select pg_sleep(0.05)');
    const clients = Array.from({ length: REPLICAS * POOL_SIZE * 2 }, async (_, n) => {
      for (let turn = n; loaded; turn++) {
        const url = serving[turn % REPLICAS]?.url;
        statuses.push((await send(`${url}/query?sql=${work}`)).status);
      }
    });
    for (const [n, old] of [...serving.entries()]) {
      serving[n] = await startPod();
      old.pod.process.kill('SIGTERM');
    }
    loaded = false;
    await Promise.all(clients);
    expect(statuses.filter((status) => status === 200).length).to.be.above(100);
    // Of the server: where the machine stalls, a connection may also come too late for a request.
    expect(readFileSync(join(dir, 'data/server.log'), 'utf8')).to.not.match(/too many clients|connection slots/);
  }).timeout(180_000);

  it('that are too few are waited for, and heal', async () => {
    const limit = (connections: number) =>
      withClient(databaseAt(postgres.port, credentials.database), async (client) => {
        await client.query(`alter role app connection limit ${connections}`);
        await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`);
      });
    const { url } = await startPod();
    const status = async (): Promise<number> => (await send(`${url}/query?sql=select+1`)).status;
    await limit(0);
    await until(async () => (await status()) === 503);
    const migration = startFixture('migrate.ts', login(), dir);
    pods.push(migration);
    await until(() => migration.lines.some(({ msg }) => /waiting.*too many connections/.test(msg)));
    await limit(-1);
    await until(async () => (await status()) === 200);
    expect(await migration.exit()).to.equal(0);
  });
});
