import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transaction } from '@stand/chassis/database';
import { outageOf } from '@stand/chassis/outage';
import { expect } from 'chai';
import { freePort, type Postgres, startPostgres } from '../../../scripts/host/postgres.ts';
import { type AppWithDatabase, startAppWithDatabase } from '../../../test/setup/app.ts';
import { databaseAt, type TestDatabase, withClient } from '../../../test/setup/database.ts';
import { type Answer, send, until } from '../../../test/setup/http.ts';
import { needsProgram } from '../../../test/setup/needs.ts';
import { credentials } from '../../../test/setup/postgres.ts';
import type { Service } from '../../../test/setup/service.ts';
import { createFixture } from './fixture.ts';
import { startFixture } from './process.ts';

/** As in docs/operations.md. */
const TIMEOUTS = { statement_timeout: '5s', lock_timeout: '1s', idle_in_transaction_session_timeout: '10s' };
const SERVER_CONNECTIONS = 3;

describe('PgBouncer in transaction mode', () => {
  needsProgram('pgbouncer');
  let dir: string;
  let postgres: Postgres;
  let pgbouncer: ChildProcess;
  let direct: TestDatabase;
  let pooled: TestDatabase;
  let app: AppWithDatabase;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'stand-pgbouncer-'));
    chmodSync(dir, 0o755);
    postgres = await startPostgres({ ...credentials, dataDir: join(dir, 'data'), port: 0 });
    direct = databaseAt(postgres.port, credentials.database);
    const { env, config } = databaseAt(await freePort(), credentials.database);
    pooled = { env, config: { ...config, DATABASE_POOL_MODE: 'transaction' } };
    pgbouncer = startPgBouncer(dir, config.PGPORT, postgres.port);
    await setForRole(TIMEOUTS);
    app = await startAppWithDatabase(pooled, createFixture);
    await until(async () => (await get('/readyz')).status === 200);
  });
  after(async () => {
    await app?.close();
    if (pgbouncer?.kill('SIGKILL')) await once(pgbouncer, 'exit');
    await postgres?.stop();
    if (dir) rmSync(dir, { recursive: true });
  });

  const get = (path: string): Promise<Answer> => send(app.url + path);
  const query = (sql: string): Promise<Answer> => get(`/query?${new URLSearchParams({ sql })}`);
  const setForRole = (settings: Record<string, string>): Promise<unknown> =>
    withClient(direct, async (client) => {
      for (const [name, value] of Object.entries(settings))
        await client.query(`alter role ${credentials.user} set ${name} = '${value}'`);
    });

  it('lets a service through, by fewer connections than it has, with the timeouts of the role', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, () => query('select pg_sleep(0.05)')));
    expect(answers.map(({ status }) => status)).to.deep.equal(answers.map(() => 200));
    expect(app.pool.totalCount).to.be.above(SERVER_CONNECTIONS);
    const servers = `select count(*) from pg_stat_activity where backend_type = 'client backend'`;
    await until(async () => (await query(servers)).body[0].count <= SERVER_CONNECTIONS);
    for (const [name, value] of Object.entries(TIMEOUTS))
      expect((await query(`show ${name}`)).body).to.deep.equal([{ [name]: value }]);
  });

  it('keeps a transaction together, and those who wait for a row no longer than its lock_timeout', async () => {
    await query('create table rows as select 7 as id');
    await transaction(app.pool, async (client) => {
      await client.query('update rows set id = 8');
      expect((await query('select id from rows')).body).to.deep.equal([{ id: 7 }]);
      expect((await query('update rows set id = 9')).body.detail).to.equal('The database is busy at the moment');
    });
    expect((await query('select id from rows')).body).to.deep.equal([{ id: 8 }]);
  });

  it('refuses a service that does not know of it, and says so', async () => {
    const config = { ...pooled.config, DATABASE_POOL_MODE: 'session' } as const;
    const other = await startAppWithDatabase({ ...pooled, config }, createFixture);
    const { status, body } = await send(`${other.url}/readyz`);
    await other.close();
    expect([status, body.reason]).to.deep.equal([503, 'unsupported startup parameter: statement_timeout']);
  });

  it('is passed by for migrations, which it refuses, and which take longer than the role’s timeouts', async () => {
    mkdirSync(join(dir, 'migrations'));
    const files = { '0001_slow.sql': 'select pg_sleep(1)', '0002_apart.sql': '-- no-transaction\nselect pg_sleep(1)' };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, 'migrations', file), `${text};\n`);
    await setForRole({ statement_timeout: '500ms' });

    const through = startFixture('migrate.ts', pooled.env, dir);
    await until(() => through.lines.some(({ reason }) => /^unsupported startup parameter.*options/.test(reason)));
    through.process.kill('SIGKILL');

    const side = (): Service => startFixture('migrate.ts', direct.env, dir);
    const both = [side(), side()];
    expect(await Promise.all(both.map((one) => one.exit()))).to.deep.equal([0, 0]);
    const applied = both.flatMap(({ lines }) => lines.flatMap(({ migration }) => migration ?? []));
    expect(applied).to.deep.equal(['0001_slow', '0002_apart']);
    await setForRole(TIMEOUTS);
  });

  it('answers for a PostgreSQL that is away, or read-only, and the service heals with it', async () => {
    const dataDir = join(dir, 'data');
    await postgres.stop();
    await until(async () => (await get('/readyz')).status === 503);
    expect((await query('select 1')).body.detail).to.equal('The database is not reachable at the moment');
    postgres = await startPostgres({ ...credentials, dataDir, port: postgres.port });
    await until(async () => (await get('/readyz')).status === 200);

    const setReadOnly = (value: string) =>
      withClient(direct, async (client) => {
        await client.query(`alter system set default_transaction_read_only = ${value}`);
        await client.query('select pg_reload_conf()');
      });
    await setReadOnly('on');
    await until(async () => (await get('/readyz')).body.reason === 'the database is read-only');
    const change = transaction(app.pool, (client) => client.query('insert into rows values (1)'));
    expect(await change.catch(outageOf)).to.equal('read-only');
    await setReadOnly('off');
    await until(async () => (await get('/readyz')).status === 200);
  });
});

/** Debian's as it comes, but for what names it, and the pauses. https://www.pgbouncer.org/config.html */
function startPgBouncer(dir: string, port: number, serverPort: number): ChildProcess {
  const file = (name: string, lines: string[]): string => {
    writeFileSync(join(dir, name), `${lines.join('\n')}\n`);
    return join(dir, name);
  };
  const users = file('userlist.txt', [`"${credentials.user}" "${credentials.password}"`]);
  const ini = file('pgbouncer.ini', [
    '[databases]',
    `* = host=127.0.0.1 port=${serverPort}`,
    '[pgbouncer]',
    ...['listen_addr = 127.0.0.1', `listen_port = ${port}`, 'unix_socket_dir ='],
    ...['auth_type = scram-sha-256', `auth_file = ${users}`],
    ...['pool_mode = transaction', `default_pool_size = ${SERVER_CONNECTIONS}`, 'server_login_retry = 1'],
  ]);
  const user = process.getuid?.() === 0 ? ['--user=nobody'] : [];
  return spawn('pgbouncer', ['--quiet', ...user, ini], { stdio: 'ignore' });
}
