import { expect } from 'chai';
import { MINE } from '../../scripts/facts/values.ts';
import { eventually } from '../setup/wait.ts';
import { addRoutes } from './front-routes.ts';
import { Host, type HostFixture, hostFixture, read } from './host.ts';

const COMMAND = 'exec node --conditions=source --require ts-node/register scripts/cluster/local.ts "$@"';
/** From the port that leads into the cluster. */
const DISTANCE = 10_000;

/** What Tilt runs for make dev LOCAL=; that the cluster leads to it is in e2e. */
describe('a service of the cluster on this machine', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let row: Host | undefined;

  before(async () => {
    fixture = await hostFixture('clock');
    addRoutes(fixture.copy);
  });
  afterEach(() => row?.destroy());
  after(() => fixture?.copy.remove());

  it('takes up changed values, and keeps what runs when they are none', async () => {
    const port = fixture.ports.front + DISTANCE;
    const level = async () => JSON.parse((await read(port, '/env')) ?? '{}').LOG_LEVEL;
    row = new Host(fixture, ['front'], {}, COMMAND);
    await eventually('front answers', async () => (await level()) === 'info');
    fixture.copy.write(MINE, 'services: {');
    await row.says(`✗ The changed values are not taken up: ${MINE} is no YAML`);
    expect(await level()).to.equal('info');
    fixture.copy.write(MINE, 'services: { front: { logLevel: debug } }');
    await eventually('front has the level', async () => (await level()) === 'debug');
    fixture.copy.remove(MINE);
  });

  it('ends whole, also while it still migrates', async () => {
    fixture.copy.write('services/store/migrations/0002_slow.sql', 'select pg_sleep(600);');
    row = new Host(fixture, ['store'], {}, COMMAND);
    await eventually('it has started something', () => {
      row?.remember();
      return (row?.left().length ?? 0) > 1;
    });
    await row.end('SIGTERM');
    expect(row.left()).to.deep.equal([]);
  });
});
