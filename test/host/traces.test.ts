import { rmSync } from 'node:fs';
import { expect } from 'chai';
import { tracesPort } from '../../scripts/facts/ports.ts';
import { isTaken } from '../../scripts/machine/ports.ts';
import { getJson, until } from '../setup/http.ts';
import { needsProgram } from '../setup/needs.ts';
import { ask, bareBin, Host, type HostFixture, hostFixture } from './host.ts';

describe('host mode with TRACES=1', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let host: Host | undefined;

  before(async () => {
    fixture = await hostFixture('clock');
  });
  afterEach(() => host?.destroy());
  after(() => fixture?.copy.remove());

  it('says so where there is no Jaeger, and runs without traces', async function () {
    if (process.platform !== 'linux') this.skip();
    const bin = bareBin();
    host = await new Host(fixture, ['TRACES=1'], { PATH: bin }).ready();
    expect(host.output.split('\n').filter((line) => /jaeger/i.test(line))).to.deep.equal([
      '! jaeger is missing, so there are no traces: https://www.jaegertracing.io/download/ has it for PATH',
    ]);
    expect((await ask(fixture.ports.front, '/items')).headers.has('x-trace-id')).to.equal(false);
    await host.end('SIGINT');
    rmSync(bin, { recursive: true });
  });

  describe('where there is Jaeger', () => {
    needsProgram('jaeger');
    before('needs its ports', async function () {
      if (await isTaken(tracesPort())) this.skip();
    });

    it('has the trace of a request through the services there, also after Jaeger was killed', async () => {
      host = await new Host(fixture, ['TRACES=1']).ready();
      expect(host.output).to.contain(`http://localhost:${tracesPort()}`);
      expect(await tracedServices()).to.have.members(['front', 'store']);

      host.remember();
      const jaeger = host.left().find(({ command }) => /^\S*jaeger /.test(command));
      process.kill(jaeger?.pid ?? 0, 'SIGKILL');
      await host.says('✗ Jaeger has ended');
      expect(await tracedServices()).to.have.members(['front', 'store']);
      await host.end('SIGINT');
      expect(host.left()).to.deep.equal([]);
    });

    it('refuses to start beside another one', async () => {
      host = await new Host(fixture, ['TRACES=1']).ready();
      const other = await hostFixture('clock');
      const second = new Host(other, ['TRACES=1']);
      await second.says(`✗ Port ${tracesPort()} is taken by`);
      await second.end();
      other.copy.remove();
    });
  });

  /** The services that Jaeger knows to be part of one request's trace. */
  async function tracedServices(): Promise<string[]> {
    const id = (await ask(fixture.ports.front, '/items')).headers.get('x-trace-id');
    return until(async () => {
      const found = await getJson<Found>(`http://localhost:${tracesPort()}/api/traces/${id}`);
      const names = Object.values(found?.data[0]?.processes ?? {}).map(({ serviceName }) => serviceName);
      return names.length > 1 && names;
    });
  }
});

interface Found {
  data: { processes: Record<string, { serviceName: string }> }[];
}
