import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { databaseVariables, loadConfig } from '@stand/chassis/config';
import { transaction } from '@stand/chassis/database';
import { outageOf } from '@stand/chassis/outage';
import { expect } from 'chai';
import { type Postgres, startPostgres } from '../../../scripts/host/postgres.ts';
import { type AppWithDatabase, startAppWithDatabase } from '../../../test/setup/app.ts';
import { createDatabase, databaseAt, type TestDatabase, withClient } from '../../../test/setup/database.ts';
import { type Answer, send, until } from '../../../test/setup/http.ts';
import { needsProgram } from '../../../test/setup/needs.ts';
import { credentials, sharedPostgres } from '../../../test/setup/postgres.ts';
import { createWire, type Wire } from '../../../test/setup/wire.ts';
import { createFixture } from './fixture.ts';

/** Through a wire that can be cut, so that the database is away for this app only. */
describe('a service and its database', () => {
  let database: TestDatabase;
  let wire: Wire;
  let app: AppWithDatabase;
  before(async () => {
    database = await createDatabase();
    wire = await createWire((await sharedPostgres()).port);
  });
  after(() => wire.cut());
  beforeEach(async () => {
    app = await startAppWithDatabase(databaseAt(wire.port, database.config.PGDATABASE), createFixture);
  });
  afterEach(async () => {
    await wire.mend();
    await app.close();
  });

  const get = (path: string): Promise<Answer> => send(app.url + path);
  const query = (sql: string): Promise<Answer> => get(`/query?${new URLSearchParams({ sql })}`);
  const changes = (): string[] => app.lines.map(({ msg }) => msg).filter((msg) => /ready/.test(msg));

  it('is ready when the database answers', async () => {
    expect(await get('/readyz')).to.deep.include({ status: 200, body: { status: 'up' } });
    expect(changes()).to.deep.equal(['ready']);
  });

  it('is not ready, with the reason, while the database is away, and ready again after', async () => {
    await wire.cut();
    const { status, body } = await get('/readyz');
    expect(status).to.equal(503);
    expect(body).to.deep.equal({ status: 'down', reason: `connect ECONNREFUSED 127.0.0.1:${wire.port}` });
    await wire.mend();
    expect((await get('/readyz')).status).to.equal(200);
  });

  it('logs only when readiness changes', async () => {
    await get('/readyz');
    await get('/readyz');
    await wire.cut();
    await until(() => app.lines.some(({ msg }) => /lost/.test(msg)));
    for (let probe = 0; probe < 3; probe++) await get('/readyz');
    await wire.mend();
    await get('/readyz');
    await get('/readyz');
    expect(changes()).to.deep.equal(['ready', `not ready: connect ECONNREFUSED 127.0.0.1:${wire.port}`, 'ready']);
  });

  it('logs each reason once, also when they take turns', async () => {
    await wire.cut();
    await get('/readyz');
    await wire.mend();
    wire.stall();
    await get('/readyz');
    await wire.cut();
    await get('/readyz');
    const reasons = [`connect ECONNREFUSED 127.0.0.1:${wire.port}`, 'no answer within 1500 ms'];
    expect(changes()).to.deep.equal(reasons.map((reason) => `not ready: ${reason}`));
  });

  it('is not ready when the database keeps silent, and lives on', async () => {
    await get('/readyz');
    wire.stall();
    const [ready, live] = await Promise.all([get('/readyz'), get('/livez')]);
    expect(ready.body.reason).to.equal('no answer within 1500 ms');
    expect(live.status).to.equal(200);
  });

  it('is alive without ever asking the database', async () => {
    await wire.cut();
    expect(await get('/livez')).to.deep.include({ status: 200, body: { status: 'up' } });
    expect(app.pool.totalCount).to.equal(0);
  });

  it('answers 503, not 500, to a request that needs the database while it is away', async () => {
    await wire.cut();
    const { status, headers, body } = await query('select 1');
    expect([status, headers.get('retry-after')]).to.deep.equal([503, '1']);
    expect(body.detail).to.equal('The database is not reachable at the moment');
  });

  it('answers 503 when the connection breaks in the middle of a query', async () => {
    const answer = query('select pg_sleep(30)');
    await until(() => app.pool.totalCount === 1);
    await wire.cut();
    expect((await answer).status).to.equal(503);
  });

  it('lets no query take longer than 5 s, and none wait longer than 1 s for a lock', async () => {
    const names = "'statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'";
    const { body } = await query(`select setting from pg_settings where name in (${names}) order by name`);
    expect(body).to.deep.equal([{ setting: '10000' }, { setting: '1000' }, { setting: '5000' }]);
  });

  it('serves and is ready while many wait for one row', async () => {
    await query('create table rows as select 7 as id');
    await withClient(database, async (holder) => {
      await holder.query('begin; select from rows where id = 7 for update');
      const waiters = Array.from({ length: 12 }, () => query('update rows set id = 8 where id = 7'));
      await until(() => app.pool.waitingCount > 0);
      const [ready, read] = await Promise.all([get('/readyz'), query('select 1 as one')]);
      expect([ready.status, read.status]).to.deep.equal([200, 200]);
      for (const { status, body } of await Promise.all(waiters))
        expect([status, body.detail]).to.deep.equal([503, 'The database is busy at the moment']);
    });
    expect(changes()).to.deep.equal(['ready']);
  });

  it('says that the database is busy, not that it is away, where no connection becomes free', async () => {
    const lent = await Promise.all(Array.from({ length: 10 }, () => app.pool.connect()));
    const [answer, ready] = await Promise.all([query('select 1'), get('/readyz')]);
    for (const client of lent) client.release();
    expect([answer.status, answer.body.detail]).to.deep.equal([503, 'The database is busy at the moment']);
    expect(ready.status).to.equal(200);
  });

  it('has its connections, and who waits for one, among the metrics', async () => {
    const pool = `db_client_connection_pool_name="127.0.0.1:${wire.port}/${database.config.PGDATABASE}"`;
    const metrics = async (): Promise<string[]> => {
      const { text } = await get('/metrics');
      const own = text.split('\n').filter((line) => line.startsWith('db_') && line.includes(pool));
      return own.map((line) => line.replace(pool, '').replace('db_client_connection_', ''));
    };
    const lend = (count: number) => Promise.all(Array.from({ length: count }, () => app.pool.connect()));
    const counts = (used: number, idle: number, pending: number): string[] => [
      `count{,db_client_connection_state="used"} ${used}`,
      `count{,db_client_connection_state="idle"} ${idle}`,
      'max{} 10',
      `pending_requests{} ${pending}`,
    ];
    const [kept] = await lend(1);
    const others = await lend(9);
    const waiting = Array.from({ length: 2 }, () => query('select 1'));
    await until(() => app.pool.waitingCount === 2);
    expect(await metrics()).to.deep.equal(counts(10, 0, 2));
    for (const client of others) client.release();
    for (const answer of waiting) expect((await answer).status).to.equal(200);
    // Idle ones are closed soon.
    await until(async () => {
      for (const client of await lend(9)) client.release();
      return isDeepStrictEqual(await metrics(), counts(1, 9, 0));
    });
    kept?.release();
  });

  for (const [codes, condition] of [
    [['55P03', '57014', '40001', '40P01', '53100', '53200', '53300'], 'busy'],
    [['25006'], 'read-only'],
    [['08000', '08006', '57P01', '57P02', '57P03', '57P05', '25P03'], 'not reachable'],
  ] as const)
    for (const code of codes)
      it(`answers 503 to SQLSTATE ${code}, and lends no connection again that has said so`, async () => {
        const fail = `do $$ begin raise exception using errcode = '${code}'; end $$`;
        const detail = `The database is ${condition} at the moment`;
        expect((await query(fail)).body).to.deep.include({ status: 503, detail });
        await transaction(app.pool, (client) => client.query(fail)).catch(() => {});
        await until(() => app.pool.totalCount === 0);
      });

  it('answers 500 to an error that will not go by itself', async () => {
    for (const sql of ['select nonsense', 'select 1/0']) expect((await query(sql)).status).to.equal(500);
  });

  for (const [what, change, reason] of [
    ['a role that may not log in', { PGUSER: 'nobody' }, /authentication failed/],
    ['a database that is not there', { PGDATABASE: 'nowhere' }, /does not exist/],
    ['a host without a name', { PGHOST: 'nowhere.invalid' }, /nowhere\.invalid/],
    ['encryption that the server does not have', { PGSSLMODE: 'require' }, /SSL/],
  ] as const)
    it(`answers 503 where it can't connect: ${what}`, async () => {
      const { config, env } = databaseAt((await sharedPostgres()).port, database.config.PGDATABASE);
      const faulty = await startAppWithDatabase({ env, config: { ...config, ...change } }, createFixture);
      const answer = await send(`${faulty.url}/query?sql=select+1`);
      const ready = await send(`${faulty.url}/readyz`);
      await faulty.close();
      expect(answer.body).to.include({ status: 503, detail: 'The database is not reachable at the moment' });
      expect(ready.status).to.equal(503);
      expect(ready.body.reason).to.match(reason);
    });

  it('reads sums of cents as numbers', async () => {
    expect((await query('select 9900000000::bigint as cents')).body).to.deep.equal([{ cents: 9_900_000_000 }]);
  });

  it('rolls a failed transaction back and keeps the connection', async () => {
    await query('create table notes (n int)');
    const failing = transaction(app.pool, async (client) => {
      await client.query('insert into notes values (1)');
      throw new Error('no');
    });
    expect(await failing.catch(({ message }) => message)).to.equal('no');
    expect((await query('select count(*) from notes')).body).to.deep.equal([{ count: 0 }]);
    expect([app.pool.totalCount, app.pool.idleCount]).to.deep.equal([1, 1]);
  });

  it('drops the connection when not even the rollback comes through', async () => {
    const failing = transaction(app.pool, async () => {
      await wire.cut();
      throw new Error('no');
    });
    expect(await failing.catch(({ message }) => message)).to.equal('no');
    expect(app.pool.totalCount).to.equal(0);
  });

  it('knows a database that went away between two queries of a transaction', async () => {
    const failing = transaction(app.pool, async (client) => {
      const broken = once(client, 'error');
      await wire.cut();
      await broken;
      await client.query('select 1');
    });
    expect(await failing.catch(outageOf)).to.equal('not reachable');
  });
});

describe('a service whose PostgreSQL has its faults', () => {
  let dir: string;
  let postgres: Postgres;
  let app: AppWithDatabase;
  const start = (port = 0): Promise<Postgres> => startPostgres({ ...credentials, dataDir: join(dir, 'data'), port });
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'stand-faults-'));
    postgres = await start();
    app = await startAppWithDatabase(databaseAt(postgres.port, credentials.database), createFixture);
  });
  afterEach(async () => {
    await app.close();
    await postgres.stop();
    rmSync(dir, { recursive: true });
  });
  const get = (path: string): Promise<Answer> => send(app.url + path);
  const query = (sql: string): Promise<Answer> => get(`/query?${new URLSearchParams({ sql })}`);

  it('answers 503 while it is stopped, is ready after, and nothing ends the process', async () => {
    const running = query('select pg_sleep(30)');
    await until(() => app.pool.totalCount === 1);
    await get('/readyz');
    await postgres.stop();
    expect((await running).status).to.equal(503);
    expect((await get('/readyz')).status).to.equal(503);
    postgres = await start(postgres.port);
    expect((await get('/readyz')).status).to.equal(200);
  });

  it('follows a user and a password that are rotated in their files, without a break', async () => {
    const owner = databaseAt(postgres.port, credentials.database);
    const asOwner = (sql: string) => withClient(owner, (client) => client.query(sql));
    const files = { PGUSER_FILE: join(dir, 'username'), PGPASSWORD_FILE: join(dir, 'password') };
    const login = (user: string, password: string): void => {
      writeFileSync(files.PGUSER_FILE, user);
      // Many a tool ends a file with a line's end.
      writeFileSync(files.PGPASSWORD_FILE, `${password}\n`);
    };
    const { PGUSER, PGPASSWORD, ...rest } = owner.env;
    const env = { ...rest, ...files };
    await asOwner(`create role one login password 'first'; create role two login password 'other'`);
    login('one', 'first');
    const rotated = await startAppWithDatabase({ env, config: loadConfig(databaseVariables, env) }, createFixture);
    const user = async (): Promise<unknown> =>
      (await send(`${rotated.url}/query?sql=select+current_user`)).body[0]?.current_user;
    const end = (role: string) =>
      asOwner(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${role}'`);
    try {
      expect(await user()).to.equal('one');

      await asOwner(`alter role one password 'second'`);
      expect(await user()).to.equal('one');
      await end('one');
      await until(async () => (await send(`${rotated.url}/readyz`)).body.reason?.includes('authentication failed'));
      login('one', 'second');
      await until(async () => (await send(`${rotated.url}/readyz`)).status === 200);
      expect(await user()).to.equal('one');

      login('two', 'other');
      expect(await user()).to.equal('one');
      await end('one');
      await until(async () => (await user()) === 'two');

      rmSync(files.PGPASSWORD_FILE);
      await end('two');
      await until(async () => (await send(`${rotated.url}/readyz`)).body.reason?.includes('ENOENT'));
      login('two', 'other');
      await until(async () => (await user()) === 'two');
    } finally {
      await rotated.close();
    }
  });

  it('answers 503 while it takes no changes, is not ready, and heals by itself', async () => {
    const setReadOnly = (value: 'on' | 'off'): Promise<unknown> =>
      withClient(databaseAt(postgres.port, credentials.database), async (client) => {
        await client.query(`alter system set default_transaction_read_only = ${value}`);
        await client.query('select pg_reload_conf()');
      });
    const write = (): Promise<Answer> => query('insert into notes values (1)');
    const detail = 'The database is read-only at the moment';
    await query('create table notes (n int)');
    expect((await get('/readyz')).status).to.equal(200);

    await setReadOnly('on');
    await until(async () => (await get('/readyz')).body.reason === 'the database is read-only');
    expect((await until(async () => (await write()).status === 503 && write())).body).to.deep.include({
      status: 503,
      detail,
    });
    const changing = transaction(app.pool, (client) => client.query('insert into notes values (1)'));
    expect(await changing.catch(({ code }) => code)).to.equal('25006');
    await until(() => app.pool.totalCount === 0);

    await setReadOnly('off');
    await until(async () => (await get('/readyz')).status === 200);
    expect((await write()).status).to.equal(200);
  });
});

describe('a service whose PostgreSQL has a certificate', () => {
  needsProgram('openssl');
  let dir: string;
  let postgres: Postgres;
  const at = (file: string): string => join(dir, file);
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'stand-tls-'));
    for (const name of ['right', 'wrong']) makeCertificate(at(`${name}.key`), at(`${name}.crt`));
    const flags = [`ssl_cert_file=${at('right.crt')}`, `ssl_key_file=${at('right.key')}`, 'ssl=on'];
    postgres = await startPostgres({
      ...{ ...credentials, dataDir: at('data'), port: 0 },
      flags: flags.flatMap((flag) => ['-c', flag]),
    });
  });
  after(async () => {
    await postgres?.stop();
    rmSync(dir, { recursive: true });
  });

  it('reads the CA at each connection, and outlives that it is wrong or gone', async () => {
    copyFileSync(at('right.crt'), at('ca.crt'));
    const { config, env } = databaseAt(postgres.port, credentials.database);
    const tls = { PGSSLMODE: 'verify-full', PGSSLROOTCERT: at('ca.crt') } as const;
    const app = await startAppWithDatabase({ env, config: { ...config, ...tls } }, createFixture);
    const query = async (): Promise<number> => {
      const { status } = await send(`${app.url}/query?sql=select+1`);
      await app.pool
        .connect()
        .then((client) => client.release(true))
        .catch(() => {});
      return status;
    };
    expect(await query()).to.equal(200);
    copyFileSync(at('wrong.crt'), at('ca.crt'));
    expect(await query()).to.equal(503);
    rmSync(at('ca.crt'));
    expect(await query()).to.equal(503);
    copyFileSync(at('right.crt'), at('ca.crt'));
    expect(await query()).to.equal(200);
    await app.close();
  });
});

/** Its own CA, for 127.0.0.1. PostgreSQL takes a key of its own user's or root's. */
function makeCertificate(key: string, certificate: string): void {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key];
  const names = ['-subj', '/CN=test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, '-out', certificate], { stdio: 'ignore' });
}
