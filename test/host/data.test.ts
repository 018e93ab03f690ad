import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { loadDefaults } from '../../scripts/facts/values.ts';
import { dump } from '../setup/dump.ts';
import { processStart, send } from '../setup/http.ts';
import { needsProgram } from '../setup/needs.ts';
import { eventually } from '../setup/wait.ts';
import { bareBin, Host, type HostFixture, hostFixture, query } from './host.ts';

const DATABASE = loadDefaults().postgresql.auth.database;
const SERVER = 'postgres';
const BUILT_IN = [SERVER, 'template0', 'template1'];
/** PostgreSQL's databases have names of 63 bytes at most. */
const LONGEST = 'Two-2_b'.padEnd(62 - DATABASE.length, 'n');
const MIGRATION = 'services/store/migrations/0002_later.sql';

describe('the data in hand', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let host: Host;

  before(async () => {
    fixture = await hostFixture('clock');
    host = await new Host(fixture).ready();
  });
  after(async () => {
    await host?.destroy();
    fixture?.copy.remove();
  });

  /** @returns what it prints @throws with that when it fails */
  function make(target: string, ...args: string[]): string {
    const { status, stdout, stderr } = fixture.copy.run('make', [target, ...args]);
    if (status !== 0) throw new Error(stderr);
    return stdout + stderr;
  }

  const names = () =>
    query(fixture, async (client) => {
      const { rows } = await client.query('select name from "store".items');
      return rows.map(({ name }) => name);
    });
  const add = (name: string) => send(`http://127.0.0.1:${fixture.ports.store}/`, { method: 'POST', body: { name } });
  const remove = (name: string) =>
    query(fixture, (client) => client.query('delete from "store".items where name = $1', [name]));
  const databases = () =>
    query(fixture, async (client) => {
      const { rows } = await client.query('select datname from pg_database');
      return rows.map(({ datname }) => datname);
    });
  /** When the process of store started. */
  const startOfStore = () => processStart(`http://localhost:${fixture.ports.store}`);
  const onServer = (statement: string) => query(fixture, (client) => client.query(statement), SERVER);

  describe('make db-seed', () => {
    it('brings back what the seed has, and deletes nothing', async () => {
      await add('mine');
      await remove('first');
      expect(make('db-seed')).to.contain('✓ Migrated and seeded: store');
      expect(await names()).to.have.members(['first', 'second', 'mine']);
    });

    it('refuses a service that has no data', () =>
      expect(() => make('db-seed', 'SERVICES=front')).to.throw(
        '✗ front is no service with a database. There are: store',
      ));
  });

  describe('make db-save, db-load, db-list and db-drop', () => {
    afterEach(async () => {
      for (const name of (await databases()).filter((one) => one.includes('@')))
        await onServer(`drop database "${name}"`);
    });

    it('lists nothing before there is a save', () => expect(make('db-list')).to.contain('There is no save yet'));

    it('brings back exactly what was saved, below services that keep running', async () => {
      const start = await startOfStore();
      await remove('second');
      const saved = await query(fixture, dump);
      make('db-save', 'NAME=before');
      await add('later');
      make('db-load', 'NAME=before', 'YES=1');
      expect(await query(fixture, dump)).to.deep.equal(saved);
      expect(await names()).to.not.include('later');
      expect((await add('after')).status).to.equal(201);
      expect(await startOfStore())
        .to.equal(start)
        .and.not.equal(undefined);
    });

    it('loses nothing that was acknowledged while it saves, and answers with no more than 503', async () => {
      const saving = await whileAdding('a', 'make db-save NAME=busy');
      expect(await names()).to.include.members(saving.acknowledged);
      const loading = await whileAdding('b', 'make db-load NAME=busy YES=1');
      expect([...saving.statuses, ...loading.statuses].filter((status) => ![201, 503].includes(status))).to.be.empty;
    });

    /** Adds one item after the other until the command has ended, and once more after that. */
    async function whileAdding(prefix: string, command: string) {
      const acknowledged: string[] = [];
      const statuses: number[] = [];
      let hasEnded = false;
      const end = new Host(fixture, [], {}, command).end().then((output) => {
        hasEnded = true;
        return output;
      });
      while (!hasEnded) {
        const name = `${prefix}-${statuses.length}`;
        const { status } = await add(name);
        statuses.push(status);
        if (status === 201) acknowledged.push(name);
      }
      expect(await end).to.contain('✓');
      await eventually('it takes items again', async () => (await add(`${prefix}-last`)).status === 201);
      return { acknowledged, statuses };
    }

    it('lists the newest first, with time and size, and drops one', async () => {
      make('db-save', 'NAME=one');
      make('db-save', `NAME=${LONGEST}`);
      const line = String.raw` +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+ kB\n`;
      expect(make('db-list')).to.match(new RegExp(`^${LONGEST}${line}one${line}$`));
      make('db-drop', `NAME=${LONGEST}`, 'YES=1');
      expect(make('db-list')).to.match(new RegExp(`^one${line}$`));
      expect(() => make('db-load', 'NAME=none', 'YES=1')).to.throw(/✗ There is no save none\n {2}There are: one\n/);
    });

    it('replaces, loads and deletes nothing unasked', async () => {
      make('db-save', 'NAME=one');
      await add('unasked');
      const before = await databases();
      expect(() => make('db-save', 'NAME=one')).to.throw(/✗ Replace the save one of \d.*\?\n.*YES=1/);
      expect(() => make('db-load', 'NAME=one')).to.throw(
        /✗ Replace all data in stand of localhost:\d+ by the save one of .*\?/,
      );
      expect(() => make('db-drop', 'NAME=one')).to.throw(/✗ Delete the save one of .*\?/);
      expect(await names()).to.include('unasked');
      expect(await databases()).to.have.members(before);
      make('db-save', 'NAME=one', 'YES=1');
      await remove('unasked');
      make('db-load', 'NAME=one', 'YES=1');
      expect(await names()).to.include('unasked');
    });

    it('applies migrations that are new since the save; one that fails leaves all as it is', async () => {
      make('db-save', 'NAME=older');
      const applied = () =>
        query(
          fixture,
          async (client) => (await client.query('select to_regclass(\'"store".later\') as it')).rows[0].it,
        );
      fixture.copy.write(MIGRATION, 'create table "store".later (id int);');
      await eventually('host mode applies it', applied);
      make('db-load', 'NAME=older', 'YES=1');
      expect(await applied()).to.equal('store.later');

      await add('kept');
      const broken = MIGRATION.replace('0002_later', '0003_broken');
      fixture.copy.write(broken, 'select nothing;');
      expect(() => make('db-load', 'NAME=older', 'YES=1')).to.throw(
        /✗ The migrations of store failed; see above\n {2}Nothing is loaded/,
      );
      fixture.copy.remove(broken);
      expect(await names()).to.include('kept');
      expect(await databases()).to.have.members([...BUILT_IN, DATABASE, `${DATABASE}@older`]);
    });

    it('is not kept from anything by what a killed one has left', async () => {
      await onServer('create database "@new"');
      await onServer('create database "@old"');
      make('db-save', 'NAME=one');
      expect(await databases()).to.have.members([...BUILT_IN, DATABASE, `${DATABASE}@one`]);
    });

    it('leaves databases alone that are no saves', async () => {
      await onServer(`create database "${DATABASE}@theirs"`);
      expect(make('db-list')).to.contain('There is no save yet');
      expect(() => make('db-save', 'NAME=theirs', 'YES=1')).to.throw(`✗ There is a database ${DATABASE}@theirs that`);
      for (const target of ['db-load', 'db-drop'])
        expect(() => make(target, 'NAME=theirs', 'YES=1')).to.throw('✗ There is no save theirs');
      expect(await databases()).to.include(`${DATABASE}@theirs`);
    });

    it('refuses while another one is at it', async () => {
      await query(
        fixture,
        async (client) => {
          await client.query('select pg_advisory_lock(15432)');
          expect(() => make('db-save', 'NAME=one')).to.throw('✗ Another make saves, loads or resets');
        },
        SERVER,
      );
      expect(make('db-list')).to.contain('There is no save yet');
    });

    for (const name of ['', 'a@b', 'a"b', 'ä', `${LONGEST}n`])
      it(`refuses to save as ${name || 'nothing'}`, () =>
        expect(() => make('db-save', `NAME=${name}`)).to.throw(/✗ NAME is that of a save, .*at most \d+ letters/));

    it('refuses ENV=prod', () =>
      expect(() => make('db-save', 'NAME=one', 'ENV=prod')).to.throw(
        '✗ This is about local data, never that of ENV=prod',
      ));
  });

  describe('make psql', () => {
    it('names the address where there is none', async function () {
      if (process.platform !== 'linux') this.skip();
      const bin = bareBin();
      const output = await new Host(fixture, [], { PATH: bin }, 'make psql').end();
      expect(output).to.contain('✗ There is no psql on PATH\n');
      expect(output).to.contain(`@localhost:${fixture.ports.database}/${DATABASE}`);
      rmSync(bin, { recursive: true });
    });

    describe('of this machine', () => {
      needsProgram('psql');
      const psql = (sql: string) => fixture.copy.run('sh', ['-c', 'echo "$1" | make psql', 'sh', sql]);

      it('answers what is piped to it, and nothing else', () =>
        expect(psql('copy (select current_database()) to stdout')).to.include({ stdout: `${DATABASE}\n`, status: 0 }));

      it('fails with the first error, and goes no further', () => {
        const { stdout, stderr, status } = psql('select nothing; copy (select 1) to stdout');
        expect(stderr).to.contain('column "nothing" does not exist');
        expect(stdout).to.equal('');
        expect(status).to.not.equal(0);
      });
    });
  });

  describe('while nothing runs', () => {
    it('is in hand, too', async () => {
      await add('of the last run');
      await host.end('SIGINT');
      make('db-save', 'NAME=still');
      make('db-seed');
      make('db-load', 'NAME=still', 'YES=1');
      expect(make('db-list')).to.match(/^still /);
      host = await new Host(fixture).ready();
      expect(await names()).to.include('of the last run');
    });
  });
});
