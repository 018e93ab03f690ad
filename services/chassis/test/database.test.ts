import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transaction } from '@stand/chassis/database';
import { expect } from 'chai';
import { startPostgres } from '../../../scripts/host/postgres.ts';
import { type AppWithDatabase, startAppWithDatabase } from '../../../test/setup/app.ts';
import { createDatabase, databaseAt, type TestDatabase } from '../../../test/setup/database.ts';
import { type Answer, send, until } from '../../../test/setup/http.ts';
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
    await until(() => app.pool.totalCount === 0);
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

  it('lets no query take longer than 5 s', async () => {
    expect((await query('show statement_timeout')).body).to.deep.equal([{ statement_timeout: '5s' }]);
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
});

describe('a service whose PostgreSQL is stopped and started', () => {
  it('answers 503 in between, is ready after, and nothing ends the process', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stand-restart-'));
    const options = { ...credentials, dataDir: join(dir, 'data') };
    let postgres = await startPostgres({ ...options, port: 0 });
    const app = await startAppWithDatabase(databaseAt(postgres.port, credentials.database), createFixture);
    try {
      const running = send(`${app.url}/query?sql=${encodeURIComponent('select pg_sleep(30)')}`);
      await until(() => app.pool.totalCount === 1);
      await send(`${app.url}/readyz`);
      await postgres.stop();
      expect((await running).status).to.equal(503);
      expect((await send(`${app.url}/readyz`)).status).to.equal(503);
      postgres = await startPostgres({ ...options, port: postgres.port });
      expect((await send(`${app.url}/readyz`)).status).to.equal(200);
    } finally {
      await app.close();
      await postgres.stop();
      rmSync(dir, { recursive: true });
    }
  });
});
