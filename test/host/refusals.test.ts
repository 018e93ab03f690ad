import { chownSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { isTaken } from '../../scripts/machine/ports.ts';
import { Host, type HostStand, hostStand } from './host.ts';

describe('host mode refuses, before it starts anything,', function () {
  this.timeout(60_000);
  let stand: HostStand;

  before(async () => {
    stand = await hostStand('clock');
  });
  after(() => stand?.copy.remove());

  async function expectRefusal(said: string, ...args: string[]): Promise<void> {
    const host = new Host(stand, args);
    const output = await host.end();
    expect(output).to.contain(`✗ ${said}`).and.not.contain('PostgreSQL …');
    expect(host.left()).to.deep.equal([]);
    expect(host.process.exitCode).to.not.equal(0);
  }

  for (const address of ['127.0.0.1', '::1'])
    it(`a port that is taken on ${address}`, async () => {
      const other = createServer();
      await new Promise<void>((done) => other.listen(stand.ports.store, address, done));
      await expectRefusal(`Port ${stand.ports.store} is taken`);
      other.close();
    });

  it('an environment whose database is elsewhere', () =>
    expectRefusal('ENV=prod does not run in host mode: its database is a managed one', 'ENV=prod'));

  it('an environment that there is not', () => expectRefusal('There is no environment moon', 'ENV=moon'));

  for (const name of ['nothing', 'constructor', '__proto__'])
    it(`a service that there is not: ${name}`, () =>
      expectRefusal(`There is no service ${name}. There are: front, store`, `SERVICES=${name}`));

  it('a second run', async () => {
    const first = await new Host(stand).ready();
    const second = new Host(stand);
    expect(await second.end()).to.contain(`Host mode runs already: process ${first.pid}`);
    await first.destroy();
    expect(await isTaken(stand.ports.front)).to.equal(false);
  });

  it('what another user has left, and says how to go on', async function () {
    if (process.getuid?.() !== 0) this.skip();
    mkdirSync(stand.copy.at('.stand'), { recursive: true });
    chownSync(stand.copy.at('.stand'), 0, 0);
    const command = 'chown 1000 . && exec setpriv --reuid=1000 --clear-groups make dev MODE=host';
    const host = new Host(stand, [], {}, command);
    expect(await host.end()).to.match(/✗ \.stand belongs to root, and host mode runs as .*\n.*sudo chown -R 1000/);
  });
});
