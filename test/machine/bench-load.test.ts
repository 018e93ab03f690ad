import { expect } from 'chai';
import { Machine } from './machine.ts';

/** What make bench-load says before it measures anything. */
describe('make bench-load', () => {
  let machine: Machine;
  before(async () => {
    machine = await Machine.make();
  });
  after(() => machine.end());

  for (const minutes of ['five', '-1', '1.5', '1e3', '1000'])
    it(`refuses MINUTES=${minutes}`, async () => {
      const { code, output } = await machine.make('bench-load', { MINUTES: minutes });
      expect(output).to.contain(`✗ MINUTES is a number below 1000, not ${minutes}`);
      expect(code).to.equal(1);
    });

  it('says that Docker is missing, and prints no figure', async () => {
    const { code, output } = await machine.make('bench-load', { MINUTES: '5' });
    expect(output).to.match(/^✗ Docker is not installed\n.*start Docker/);
    expect(output).to.not.contain('requests/s');
    expect(code).to.equal(1);
  });

  it('says that no engine answers', async () => {
    machine.install('docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1');
    const { code, output } = await machine.make('bench-load');
    expect(output).to.match(/^✗ No Docker engine answers: Cannot connect/);
    expect(code).to.equal(1);
  });
});
