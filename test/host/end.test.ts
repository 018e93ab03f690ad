import { expect } from 'chai';
import { isTaken } from '../../scripts/machine/ports.ts';
import { findProcess } from '../../scripts/machine/processes.ts';
import { eventually } from '../setup/wait.ts';
import { addRoutes } from './front-routes.ts';
import { Host, type HostFixture, hostFixture, pidOf, read } from './host.ts';

describe('host mode ends', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let host: Host;

  before(async () => {
    fixture = await hostFixture('clock');
    addRoutes(fixture.copy);
  });
  afterEach(() => host?.destroy());
  after(() => fixture?.copy.remove());

  async function expectNothingLeft(): Promise<void> {
    await eventually('nothing of it runs', () => host.left().length === 0);
    const { front, store, database } = fixture.ports;
    expect(await Promise.all([front, store, database].map(isTaken))).to.deep.equal([false, false, false]);
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    it(`whole at ${signal}`, async () => {
      host = await new Host(fixture).ready();
      await host.end(signal);
      await expectNothingLeft();
    });

  it('whole when nobody reads any more, as in make dev | head', async () => {
    host = new Host(fixture, [], {}, 'make dev MODE=host | head -n 2');
    expect(await host.end()).to.not.contain('EPIPE');
    await expectNothingLeft();
  });

  it('in its first second without a word of failure', async () => {
    fixture.copy.remove('.stand');
    host = await new Host(fixture).says('Starting PostgreSQL');
    const output = await host.end('SIGINT');
    expect(output).to.contain('Stopping').and.not.contain('✗').and.not.contain('failed');
    await expectNothingLeft();
  });

  it('while the migrations run without calling them failed', async () => {
    fixture.copy.write('services/store/migrations/0002_slow.sql', 'select pg_sleep(60);\n');
    host = await new Host(fixture).says('Starting PostgreSQL');
    await eventually('they run', () => {
      host.remember();
      return host.left().some(({ command }) => command.includes('src/migrate.ts'));
    });
    const output = await host.end('SIGINT');
    expect(output).to.not.contain('failed');
    fixture.copy.remove('services/store/migrations/0002_slow.sql');
    await expectNothingLeft();
  });

  it('at Ctrl-C though a nodemon was killed', async () => {
    host = await new Host(fixture).ready();
    const runner = findProcess(await pidOf(fixture.ports.front))?.parent ?? 0;
    process.kill(runner, 'SIGKILL');
    await host.end('SIGINT');
    await expectNothingLeft();
  });

  it('at once at the second Ctrl-C', async () => {
    host = await new Host(fixture).ready();
    host.signal('SIGINT');
    await host.says('Stopping');
    await host.end('SIGINT');
    await expectNothingLeft();
  });

  it('what a run has left that was killed, when it starts again, with its data', async () => {
    host = await new Host(fixture).ready();
    const front = await pidOf(fixture.ports.front);
    process.kill(host.pid, 'SIGKILL');
    await host.end();
    host = await new Host(fixture).ready();
    expect(await pidOf(fixture.ports.front)).to.not.equal(front);
    expect(await read(fixture.ports.front, '/items')).to.contain('first');
  });
});
