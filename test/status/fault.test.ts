import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, Machine } from '../machine/machine.ts';
import { listen, type Running } from '../setup/http.ts';

const deployed = (name: string): object => ({ metadata: { name }, spec: { selector: {} } });

/** A kubectl that keeps how it was called, and does in a folder what it was to do in the pod. */
const KUBECTL = `PATH=/usr/bin:/bin
case "$*" in
  *"get services"*) echo '${JSON.stringify({ items: ['web', 'payments'].map(deployed) })}' ;;
  *" exec "*)
    echo "$@" > called
    while [ "$1" != -- ]; do shift; done
    shift
    "$@" ;;
esac`;

describe('make fault in the cluster', () => {
  let machine: Machine;
  let web: Running;
  /** What web says of itself. */
  let tells: (setting: string | undefined) => object;

  const read = (file: string): string | undefined => {
    const path = join(machine.root, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  };

  before(async () => {
    machine = await Machine.make();
    web = await listen((_req, res) => {
      const { to, setting } = JSON.parse(read('.fault') ?? '{}');
      res.end(JSON.stringify({ status: 'up', ...tells(setting && { [to]: setting }) }));
    });
    const services = { web: { port: web.port, uses: ['payments'] }, payments: { port: machine.ports.gateway } };
    const serviceDefaults = { enabled: true, needs: [], uses: [], url: '', database: { enabled: false } };
    const values = { serviceDefaults, services, postgresql: { enabled: true, auth: { database: 'stand' } } };
    machine.write('helm/app/values.yaml', JSON.stringify(values));
    machine.install('kubectl', KUBECTL);
  });
  after(async () => {
    await web.close();
    machine.end();
  });

  const fault = (env: Record<string, string> = {}): Promise<Ended> => machine.make('fault', env);

  it('asks for it in a container of the service, which then says so', async () => {
    tells = (faults) => ({ sources: 'any', faults: faults ?? {} });
    const { output, code } = await fault({ FROM: 'web', TO: 'payments', DELAY: '2s' });
    expect(output).to.equal('✓ FROM=web TO=payments DELAY=2s, until its process ends, or make fault CLEAR=1\n');
    expect(code).to.equal(0);
    const target = 'exec --stdin deployment/web --container web -- sh';
    expect(read('called')).to.contain(`--context kind-stand --namespace stand ${target}`);
    expect(await fault()).to.deep.equal({
      output: 'FROM=web TO=payments DELAY=2s\n! payments does not answer, and so tells none\n',
      code: 0,
    });
    expect((await fault({ CLEAR: '1' })).output).to.equal('✓ Cleared: FROM=web TO=payments DELAY=2s\n');
    expect(read('.fault')).to.equal('{"to":"payments"}');
  });

  it('refuses where nothing would take it up, as in what runs as released', async () => {
    tells = () => ({});
    const { output, code } = await fault({ FROM: 'web', TO: 'payments', REFUSE: '1' });
    expect(output).to.equal(
      '✗ web does not run from its sources on the chassis, so nothing there can break its calls\n',
    );
    expect(code).to.equal(1);
  });
});
