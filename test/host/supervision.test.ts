import { createServer } from 'node:net';
import { expect } from 'chai';
import { MINE } from '../../scripts/facts/values.ts';
import { findProcess } from '../../scripts/machine/processes.ts';
import { hasIPv6 } from '../setup/needs.ts';
import { eventually } from '../setup/wait.ts';
import { addRoutes, editFront, saveRoute } from './front-routes.ts';
import { ask, Host, type HostFixture, hostFixture, pidOf, read } from './host.ts';

/** One run of host mode, in which one thing after the other goes wrong. */
describe('host mode supervises', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let host: Host;

  before(async () => {
    fixture = await hostFixture('clock');
    addRoutes(fixture.copy);
    host = await new Host(fixture).ready();
  });
  after(async () => {
    await host?.destroy();
    fixture?.copy.remove();
  });
  beforeEach(() => {
    host.output = '';
  });

  const front = (): Promise<number> => pidOf(fixture.ports.front);

  const pauses: number[] = [];
  const ends: Record<string, (pid: number) => unknown> = {
    'killed from outside': (pid) => process.kill(pid, 'SIGKILL'),
    'asked to end from outside': (pid) => process.kill(pid, 'SIGTERM'),
    'crashed by an unhandled rejection': () => ask(fixture.ports.front, '/reject'),
    'crashed by a late throw': () => ask(fixture.ports.front, '/throw'),
    'ended by itself': () => ask(fixture.ports.front, '/exit'),
  };
  for (const [way, end] of Object.entries(ends))
    it(`starts a service again that was ${way}, and says so in one line`, async () => {
      const pid = await front();
      await end(pid);
      await host.says(/^✗ front has ended; it starts again in \d+ s$/m);
      await eventually('another process serves', async () => (await front()) !== pid);
      await host.says(/INFO +ready$/m);
      expect(host.output.match(/^✗/gm)).to.have.length(1);
      pauses.push(Number(/again in (\d+) s/.exec(host.output)?.[1]));
    });

  it('pauses longer each time, up to ten seconds, and from the start again after a save', async () => {
    expect(pauses).to.deep.equal([1, 2, 4, 8, 10]);
    saveRoute(fixture.copy, 'saved');
    await eventually('the save is served', () => read(fixture.ports.front, '/saved'));
    // Host mode has seen it serve, too: what falls before that waits for the next save.
    await host.says(/INFO +ready$/m);
    await ask(fixture.ports.front, '/throw');
    await host.says(/starts again in \d+ s/);
    expect(host.output).to.contain('starts again in 1 s');
    await front();
  });

  it('lets a service that does not start wait for the next save, with its error said once', async () => {
    editFront(fixture.copy, (text) => `this is no TypeScript\n${text}`);
    await host.says('✗ front did not start, see above; it waits for the next save');
    saveRoute(fixture.copy, 'mended');
    editFront(fixture.copy, (text) => text.replace('this is no TypeScript\n', ''));
    await eventually('the save is served', async () => (await read(fixture.ports.front, '/saved')) === 'mended');
    expect(host.output.match(/did not start/g)).to.have.length(1);
  });

  it('starts PostgreSQL again at once when it was killed, and the services connect by themselves', async () => {
    process.kill(host.database, 'SIGKILL');
    await host.says('✗ PostgreSQL has ended; it starts again');
    await host.says('✓ PostgreSQL runs again');
    await eventually('the data is served', async () => (await read(fixture.ports.front, '/items'))?.includes('first'));
  });

  it('ends the service of a nodemon that was killed, and starts both again', async () => {
    const pid = await front();
    const { parent } = findProcess(pid) ?? {};
    process.kill(parent ?? 0, 'SIGKILL');
    await host.says('✗ nodemon of front has ended; it starts again in');
    await eventually('another process serves', async () => (await front()) !== pid);
    expect(findProcess(pid)).to.equal(undefined);
  });

  it('applies a migration that is saved while it runs; a failing one is mended by the next save', async () => {
    const migration = 'services/store/migrations/0002_more.sql';
    fixture.copy.write(migration, 'alter table store.items add column nonsense nonsense;');
    await host.says('✗ The migrations of store failed; see above; they run again at the next save');
    fixture.copy.write(migration, "insert into store.items (name) values ('third');");
    await host.says('✓ The migrations of store are applied');
    expect(await read(fixture.ports.front, '/items')).to.contain('third');
  });

  it('applies a seed.sql that is saved while it runs', async () => {
    fixture.copy.write('services/store/seed.sql', "insert into store.items (name) values ('seeded');");
    await host.says('✓ The migrations of store are applied');
    expect(await read(fixture.ports.front, '/items')).to.contain('seeded');
  });

  it('takes up changed values, and restarts nothing else', async () => {
    const pid = await front();
    fixture.copy.changeServices('helm/app/values-local.yaml', (services) => {
      services.store = { ...services.store, logLevel: 'warn' };
    });
    await host.says('✓ Changed values taken up: store');
    expect(await front()).to.equal(pid);
    await eventually('store serves', () => read(fixture.ports.store, '/readyz'));
  });

  it('takes up what a developer’s own values say, and what they say no more', async () => {
    const level = async () => JSON.parse((await read(fixture.ports.front, '/env')) ?? '{}').LOG_LEVEL;
    fixture.copy.write(MINE, 'services: { front: { logLevl: debug } }');
    await host.says("not taken up: By helm/app/values.schema.json, at '/services/front': must NOT have");
    fixture.copy.write(MINE, 'services: { front: { logLevel: debug } }');
    await eventually('front has the level', async () => (await level()) === 'debug');
    fixture.copy.remove(MINE);
    await eventually('front has it no more', async () => (await level()) === 'info');
  });

  it('keeps what runs when the changed values are none, and says so', async () => {
    const values = fixture.copy.read('helm/app/values-local.yaml');
    fixture.copy.write('helm/app/values-local.yaml', `${values}\nservices: {}\n`);
    await host.says('✗ The changed values are not taken up: helm/app/values-local.yaml is no YAML: Map keys');
    fixture.copy.write('helm/app/values-local.yaml', values);
    expect(await read(fixture.ports.front, '/items')).to.contain('first');
  });

  it('asks for a restart when the lockfile names other packages than are installed', async () => {
    fixture.copy.write('package-lock.json', `${fixture.copy.read('package-lock.json')}\n`);
    await host.says('! package-lock.json has changed: Ctrl-C, then make dev installs what it names');
  });

  it('names a service that is not ready within ten seconds, with its reason, and goes on waiting', async () => {
    const server = 'services/front/src/server.ts';
    const source = fixture.copy.read(server);
    const hold = "check: async () => { throw new Error('the moon is not full'); }";
    fixture.copy.write(server, source.replace('createHealth({', `createHealth({ ${hold},`));
    await host.says('✗ front is not ready: the moon is not full');
    fixture.copy.write(server, source);
    await eventually('front is ready', () => read(fixture.ports.front, '/readyz'));
  });

  it('says who has taken the port of a service meanwhile, and starts it when that is free', async () => {
    const other = createServer((socket) => socket.destroy());
    fixture.copy.changeServices('helm/app/values-local.yaml', (services) => {
      services.front = { ...services.front, enabled: false };
    });
    await host.says('✓ Changed values taken up: front');
    await new Promise<void>((done) => other.listen(fixture.ports.front, hasIPv6() ? '::1' : '127.0.0.1', done));
    fixture.copy.changeServices('helm/app/values-local.yaml', (services) => {
      services.front = { ...services.front, enabled: true };
    });
    await host.says(`✗ front does not start: port ${fixture.ports.front} is taken by process ${process.pid}`);
    await new Promise((done) => other.close(done));
    await eventually('front serves', () => read(fixture.ports.front, '/items'));
  });
});
