import { createServer } from 'node:net';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { LOCAL_VALUES } from '../setup/copy.ts';
import { dump } from '../setup/dump.ts';
import { send } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { Host, type HostFixture, hostFixture, query, read } from './host.ts';

const MIGRATION = 'services/store/migrations/0002_of_a_branch.sql';
/** As in values-local.yaml. */
const STORE = { service: { nodePort: 30081 } };

describe('make db-reset', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let host: Host | undefined;

  before(async () => {
    fixture = await hostFixture('clock');
  });
  afterEach(async () => {
    await host?.destroy();
    host = undefined;
  });
  after(() => fixture?.copy.remove());

  const start = async (): Promise<Host> => {
    host = await new Host(fixture).ready();
    return host;
  };

  /** @returns what it prints @throws with that when it fails */
  function reset(...args: string[]): string {
    const { status, stdout, stderr } = fixture.copy.run('make', ['db-reset', ...args]);
    if (status !== 0) throw new Error(stderr);
    return stdout + stderr;
  }

  /** @returns what values-local.yaml was before */
  function useLocalValues(values: object): string {
    const before = fixture.copy.read(LOCAL_VALUES);
    fixture.copy.write(LOCAL_VALUES, stringify({ ...parse(before), ...values }));
    return before;
  }

  const items = (): Promise<string | undefined> => read(fixture.ports.store, '/');
  const addItem = () => send(`http://127.0.0.1:${fixture.ports.store}/`, { method: 'POST', body: { name: 'of mine' } });

  it('has nothing to do before there is data', () =>
    expect(() => reset('YES=1')).to.throw(/✗ There is no local data: nothing answers at .*\n {2}make dev starts it/));

  it('leaves nothing behind that a new database would not have', async () => {
    await start();
    const fresh = await query(fixture, dump);
    await addItem();
    await query(fixture, (client) =>
      client.query(`create table mine (id int); create schema theirs; create table theirs.own (id int unique);
        alter table "store".items add mine text; create function mine() returns int language sql return 1`),
    );
    expect(await query(fixture, dump)).to.not.deep.equal(fresh);
    reset('YES=1');
    expect(await query(fixture, dump)).to.deep.equal(fresh);
  });

  it('empties and seeds the database below running services', async () => {
    await start();
    await addItem();
    expect(await items()).to.contain('of mine');
    expect(reset('YES=1')).to.contain('✓ Migrated and seeded anew: store');
    await eventually('the seed is served', async () => (await items())?.includes('first'));
    expect(await items()).to.not.contain('of mine');
  });

  it('leaves what is not of SERVICES', async () => {
    await start();
    await addItem();
    await query(fixture, (client) => client.query('create table mine (id int)'));
    reset('YES=1', 'SERVICES=store');
    expect(await items()).to.not.contain('of mine');
    expect(await query(fixture, dump)).to.include('relation r mine');
  });

  it('deletes nothing unasked', async () => {
    await start();
    await addItem();
    expect(() => reset()).to.throw(/✗ Delete all data but saves in stand of localhost:\d+\?/);
    expect(await items()).to.contain('of mine');
  });

  it('leads out of a branch whose migration the other one does not have', async () => {
    fixture.copy.write(MIGRATION, 'alter table "store".items add of_a_branch text;');
    await (await start()).end('SIGINT');
    fixture.copy.remove(MIGRATION);
    fixture.copy.write(MIGRATION.replace('a_branch', 'another'), 'select 1;');

    host = new Host(fixture);
    expect(await host.end()).to.contain('`make db-reset`');
    expect(reset('YES=1', 'SERVICES=store')).to.contain('✓ Migrated and seeded anew: store');
    await start();
    expect(await items())
      .to.contain('first')
      .and.not.contain('of mine');
  });

  it('says which migration fails, and is done by the next one', async () => {
    const broken = MIGRATION.replace('0002_of_a_branch', '0003_broken');
    fixture.copy.write(broken, 'select nothing;');
    expect(() => reset('YES=1')).to.throw(/✗ The migrations of store failed; see above\n {2}Nothing is deleted/);
    fixture.copy.remove(broken);
    expect(reset('YES=1')).to.contain('✓ Migrated');
  });

  const refused: Record<string, string> = {
    'ENV=prod': 'This is about local data, never that of ENV=prod',
    'ENV=staging': 'This is about local data, never that of ENV=staging',
    'SERVICES=front': 'front is no service with a database. There are: store',
    'SERVICES=constructor': 'constructor is no service with a database. There are: store',
  };
  for (const [argument, message] of Object.entries(refused))
    it(`refuses ${argument}`, () => expect(() => reset('YES=1', argument)).to.throw(`✗ ${message}`));

  const elsewhere: Record<string, [object, string]> = {
    'a managed database': [{ postgresql: { enabled: false } }, 'The database of values-local.yaml is a managed one'],
    'a database that a service names itself': [
      { services: { store: { ...STORE, env: [{ name: 'PGHOST', value: 'db.example.com' }] } } },
      'store names its database itself, by PGHOST',
    ],
  };
  for (const [what, [values, message]] of Object.entries(elsewhere))
    it(`refuses ${what}`, () => {
      const before = useLocalValues(values);
      try {
        expect(() => reset('YES=1')).to.throw(`✗ ${message}`);
      } finally {
        fixture.copy.write(LOCAL_VALUES, before);
      }
    });

  it("leaves another's server alone", async () => {
    const other = createServer((socket) => socket.end());
    await new Promise<void>((done) => other.listen(fixture.ports.database, '127.0.0.1', done));
    const output = await new Host(fixture, [], {}, 'make db-reset YES=1').end();
    other.close();
    expect(output).to.match(/✗ The database at localhost:\d+ does not answer: .*\n {2}make doctor/);
  });
});
