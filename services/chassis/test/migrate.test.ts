import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { migrate } from '@stand/chassis/migrate';
import { expect } from 'chai';
import { recordLogs } from '../../../test/setup/app.ts';
import { createDatabase, databaseAt, silent, type TestDatabase, withClient } from '../../../test/setup/database.ts';
import { until } from '../../../test/setup/http.ts';
import { sharedPostgres } from '../../../test/setup/postgres.ts';
import type { Service } from '../../../test/setup/service.ts';
import { createWire } from '../../../test/setup/wire.ts';
import { startFixture } from './process.ts';

describe('migrate', () => {
  let database: TestDatabase;
  let dir: string;
  beforeEach(async () => {
    database = await createDatabase();
    dir = join(mkdtempSync(join(tmpdir(), 'stand-migrations-')), 'migrations');
    mkdirSync(dir);
  });
  afterEach(() => rmSync(dirname(dir), { recursive: true }));

  const write = (name: string, up: string): void => writeFileSync(join(dir, name), `-- Up Migration\n${up}\n`);
  const run = (schema = 'shop', logger = silent): Promise<void> =>
    withClient(database, (client) => migrate(client, schema, logger, dir));
  const query = (sql: string): Promise<unknown[]> =>
    withClient(database, async (client) => (await client.query({ text: sql, rowMode: 'array' })).rows);
  const tables = (): Promise<unknown[]> =>
    query(
      `select table_schema || '.' || table_name from information_schema.tables where table_schema = 'shop' order by 1`,
    );

  it('applies each migration once, in order, and says which', async () => {
    write('0001_one.sql', 'create table shop.one (n int);');
    const { logger, lines } = recordLogs();
    await run('shop', logger);
    write('0002_two.sql', 'alter table shop.one rename to two;');
    await run('shop', logger);
    await run('shop', logger);
    expect(lines.map(({ migration }) => migration)).to.deep.equal(['0001_one', '0002_two']);
    expect(await tables()).to.deep.equal([['shop.migrations'], ['shop.two']]);
  });

  it('applies each migration once when many runs come at once', async () => {
    write('0001_one.sql', 'create table shop.one (n int); select pg_sleep(0.1);');
    write('0002_two.sql', 'insert into shop.one values (1);');
    await Promise.all(Array.from({ length: 8 }, () => run()));
    expect(await query('select n from shop.one')).to.deep.equal([[1]]);
  });

  it('lets two services migrate one database at once', async () => {
    write('0001_one.sql', 'select pg_sleep(0.1);');
    await Promise.all([run('shop'), run('store')]);
    for (const schema of ['shop', 'store'])
      expect(await query(`select name from ${schema}.migrations`)).to.deep.equal([['0001_one']]);
  });

  it('leaves nothing half done where a migration fails', async () => {
    write('0001_good.sql', 'create table shop.good (n int);');
    write('0002_bad.sql', 'create table shop.half (n int); select nonsense;');
    expect(await run().catch(({ message }) => message)).to.contain('column "nonsense" does not exist');
    expect(await tables()).to.not.deep.include(['shop.half']);

    write('0002_bad.sql', 'create table shop.whole (n int);');
    await run();
    expect(await tables()).to.deep.equal([['shop.good'], ['shop.migrations'], ['shop.whole']]);
  });

  describe('the command', () => {
    const start = (env: Record<string, string>, ...args: string[]): Service =>
      startFixture('migrate.ts', env, dirname(dir), ...args);

    it('seeds after the migrations, and again and again', async () => {
      write('0001_one.sql', 'create table shop.one (n int primary key);');
      writeFileSync(join(dirname(dir), 'seed.sql'), 'insert into shop.one values (1) on conflict do nothing');
      for (let run = 0; run < 2; run++) {
        expect(await start(database.env, '--seed').exit()).to.equal(0);
        expect(await query('select n from shop.one')).to.deep.equal([[1]]);
      }
    });

    it('waits for a database that comes later, and says so once', async () => {
      write('0001_one.sql', 'create table shop.one (n int);');
      const wire = await createWire((await sharedPostgres()).port);
      await wire.cut();
      const { exit, lines } = start(databaseAt(wire.port, database.config.PGDATABASE).env);
      await until(() => lines.length > 0);
      await wire.mend();
      expect(await exit()).to.equal(0);
      expect(lines.map(({ msg }) => msg)).to.deep.equal([
        `waiting for the database: connect ECONNREFUSED 127.0.0.1:${wire.port}`,
        'migration applied',
      ]);
      await wire.cut();
    });

    it('exits with 1 when it fails', async () => {
      write('0001_one.sql', 'create table shop.one (n int); create table shop.one (n int);');
      const { exit, lines } = start(database.env);
      expect(await exit()).to.equal(1);
      // Read where a save's output is shown: one line, without a stack, which is node-pg-migrate's.
      expect(lines.map(({ level, msg, err }) => [level, msg, err])).to.deep.equal([
        ['fatal', 'migration of shop failed: migrations/0001_one.sql: relation "one" already exists', undefined],
      ]);
    });
  });
});
