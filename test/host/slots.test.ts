import { expect } from 'chai';
import { processStart, send } from '../setup/http.ts';
import { bareBin, Host, type HostFixture, hostFixtures, query, read } from './host.ts';

describe('host mode of two clones', function () {
  this.timeout(180_000);
  let first: HostFixture;
  let second: HostFixture;
  let hosts: Host[] = [];

  before(async () => {
    [first, second] = (await hostFixtures(2)) as [HostFixture, HostFixture];
    for (const fixture of [first, second]) hosts.push(await new Host(fixture).ready());
  });
  after(async () => {
    for (const host of hosts) await host.destroy();
    for (const fixture of [first, second]) fixture?.copy.remove();
  });

  const names = (fixture: HostFixture): Promise<string[]> =>
    query(fixture, async (client) => {
      const { rows } = await client.query('select name from "store".items');
      return rows.map(({ name }) => name);
    });

  const startOf = ({ ports }: HostFixture) => processStart(`http://localhost:${ports.front}`);

  function run(fixture: HostFixture, ...args: string[]): string {
    const { stdout, stderr } = fixture.copy.run('make', args);
    return stdout + stderr;
  }

  /** Without Docker, where the cluster may be of who runs this test. */
  const clean = ({ copy }: HostFixture): string => copy.run('env', [`PATH=${bareBin()}`, 'make', 'clean']).stderr;

  it('says where the second is, whose services call its own', async () => {
    expect(hosts[0]?.output).to.contain(`http://localhost:${first.ports.front}`).and.to.not.contain('Slot');
    expect(hosts[1]?.output)
      .to.contain('Slot 1: ports are 100 higher than in slot 0\n')
      .and.to.contain(`http://localhost:${second.ports.front}`);
    const item = await send(`http://127.0.0.1:${second.ports.store}/`, { method: 'POST', body: { name: 'mine' } });
    expect(item.status).to.equal(201);
    expect(await read(second.ports.front, '/items')).to.contain('mine');
    expect(await names(first)).to.not.include('mine');
  });

  it('has each know its own alone', () => {
    for (const [own, other] of [
      [first, second],
      [second, first],
    ] as const) {
      const status = run(own, 'status');
      expect(status)
        .to.match(/ready +http:/)
        .and.contain(`:${own.ports.store}`)
        .and.contain(`:${own.ports.database}`);
      expect(status).to.not.contain(`:${other.ports.store}`);
      expect(run(own, 'wait', 'TIMEOUT=60')).to.contain('✓ Ready');
    }
    run(first, 'db-save', 'NAME=before');
    expect(run(second, 'db-list')).to.contain('There is no save yet');
    expect(run(second, 'doctor'))
      .to.contain(`✓ slot 1, with ports 100 higher`)
      .and.contain(`; 0 is that of ${first.copy.root}`);
  });

  it('restarts nothing of the other by a save', async () => {
    const start = await startOf(second);
    const file = 'services/front/src/app.ts';
    first.copy.write(file, `${first.copy.read(file)}// saved\n`);
    expect(run(first, 'wait')).to.contain('✓ Ready');
    expect(await startOf(second)).to.equal(start);
  });

  it('keeps slot and data over any order of stops, until make clean', async () => {
    await hosts[0]?.end('SIGINT');
    expect(await names(second)).to.include('mine');
    await hosts[1]?.end('SIGINT');
    hosts = [await new Host(second).ready(), await new Host(first).ready()];
    expect(await names(second)).to.include('mine');
    expect(await names(first)).to.not.include('mine');
    expect(clean(second)).to.contain('✗ Host mode runs already');
    for (const host of hosts) await host.end('SIGINT');
    clean(first);
    hosts = [await new Host(second, ['SLOT=0']).ready()];
    expect(await names(first)).to.include('mine');
  });
});
