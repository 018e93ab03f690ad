import { expect } from 'chai';
import { loadValues } from '../../scripts/facts/values.ts';
import { addServices } from '../setup/fixture.ts';
import { Host, type HostFixture, hostFixture, read } from './host.ts';

const COUNT = 30;

describe('host mode, with many services,', function () {
  this.timeout(300_000);
  const here = process.cwd();
  let fixture: HostFixture;
  let host: Host | undefined;

  before(async () => {
    fixture = await hostFixture('clock');
    addServices(fixture.copy, COUNT - fixture.services.length);
    process.chdir(fixture.copy.root);
  });
  after(async () => {
    process.chdir(here);
    await host?.destroy();
    fixture?.copy.remove();
  });

  it(`runs ${COUNT} of them`, async () => {
    host = await new Host(fixture).ready();
    const services = Object.values(loadValues('local').services);
    const answers = await Promise.all(services.map(({ port }) => read(port, '/readyz')));
    expect(answers).to.deep.equal(Array(COUNT).fill('{"status":"up"}'));
  });

  it('has make wait ask all of them', () => {
    const { stderr } = fixture.copy.run('make', ['wait']);
    expect(stderr.trim()).to.match(new RegExp(`^✓ Ready, by the sources as they are: \\S+(, \\S+){${COUNT - 1}}$`));
  });
});
