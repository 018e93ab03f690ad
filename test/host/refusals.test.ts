import { chownSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { expect } from 'chai';
import { isTaken } from '../../scripts/machine/ports.ts';
import { hasIPv6 } from '../setup/needs.ts';
import { Host, type HostFixture, hostFixture } from './host.ts';

describe('host mode refuses, before it starts anything,', () => {
  let fixture: HostFixture;

  before(async () => {
    fixture = await hostFixture('clock');
  });
  after(() => fixture?.copy.remove());

  async function expectRefusal(said: string, ...args: string[]): Promise<void> {
    const host = new Host(fixture, args);
    const output = await host.end();
    expect(output).to.contain(`✗ ${said}`).and.not.contain('PostgreSQL …');
    expect(host.left()).to.deep.equal([]);
    expect(host.process.exitCode).to.not.equal(0);
  }

  for (const address of ['127.0.0.1', '::1'])
    it(`a port that is taken on ${address}`, async function () {
      if (address === '::1' && !hasIPv6()) this.skip();
      const other = createServer();
      await new Promise<void>((done) => other.listen(fixture.ports.store, address, done));
      await expectRefusal(`Port ${fixture.ports.store} is taken`);
      other.close();
    });

  it('an environment whose database is elsewhere', () =>
    expectRefusal('ENV=prod does not run in host mode: its database is a managed one', 'ENV=prod'));

  it('an environment that there is not', () => expectRefusal('There is no environment moon', 'ENV=moon'));

  for (const name of ['nothing', 'constructor', '__proto__'])
    it(`a service that there is not: ${name}`, () =>
      expectRefusal(`There is no service ${name}. There are: front, store`, `SERVICES=${name}`));

  it('to run a service of the cluster', () =>
    expectRefusal('LOCAL is about the cluster; in host mode all services run on this machine', 'LOCAL=front'));

  it('a second run', async () => {
    const first = await new Host(fixture).ready();
    const second = new Host(fixture);
    expect(await second.end()).to.contain(`Host mode runs already: process ${first.pid}`);
    await first.destroy();
    expect(await isTaken(fixture.ports.front)).to.equal(false);
  });

  it('what another user has left, and says how to go on', async function () {
    if (process.getuid?.() !== 0) this.skip();
    mkdirSync(fixture.copy.at('.stand'), { recursive: true });
    chownSync(fixture.copy.at('.stand'), 0, 0);
    const command = 'chown 1000 . && exec setpriv --reuid=1000 --clear-groups make dev MODE=host';
    const host = new Host(fixture, [], {}, command);
    expect(await host.end()).to.match(/✗ \.stand belongs to root, and host mode runs as .*\n.*sudo chown -R 1000/);
  });
});
