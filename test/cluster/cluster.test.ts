import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Machine } from '../machine/machine.ts';

const ENGINE = { ServerVersion: '28.0.0', MemTotal: 2 ** 33, DockerRootDir: '/nowhere' };
const RUNNING = { info: `echo '${JSON.stringify(ENGINE)}'` };
const STOPPED = { info: 'echo "Cannot connect to the Docker daemon" >&2; exit 1' };
const PODMAN = { info: `echo '{"host":{"memTotal":8589934592},"version":{"Version":"5.4.2"}}'` };
/** A kube context that is there, and a cluster that answers. */
const ANSWERING = { 'config get-contexts': 'echo kind-stand', 'config current-context': 'echo mine' };

/** What each program answers, by the pattern of its arguments; all else succeeds in silence. */
type Stubs = Record<string, Record<string, string>>;

/** What Docker and the tools do is played; what a real cluster does is in e2e. */
describe('the cluster, on a machine', () => {
  let machine: Machine;

  beforeEach(async () => {
    machine = await Machine.make();
    machine.installTools();
  });
  afterEach(() => machine.end());

  function play(stubs: Stubs): void {
    for (const program of ['docker', 'kubectl', 'kind', 'ctlptl', 'tilt']) {
      const cases = Object.entries(stubs[program] ?? {}).map(
        ([pattern, script]) => `${pattern.replaceAll(' ', '\\ ')}*) ${script} ;;`,
      );
      machine.install(program, `echo "${program} $*" >> ${machine.root}/calls\ncase "$*" in ${cases.join('\n')} esac`);
    }
  }

  /** Of cluster/ctlptl.yaml, as the namespace has it. */
  const fingerprint = (): string =>
    createHash('sha256')
      .update(readFileSync(join(machine.root, 'cluster/ctlptl.yaml')))
      .digest('hex')
      .slice(0, 12);

  const calls = (): string => readFileSync(join(machine.root, 'calls'), 'utf8');

  describe('where there is one already', () => {
    const taken = (port: number): string =>
      `echo "Bind for 0.0.0.0:${port} failed: port is already allocated" >&2; exit 1`;

    /** The node's ports on localhost, as Docker tells them. */
    const mapping = (...ports: number[]) => ({ 'container inspect --format': `echo "${ports.join(' ')} "` });

    it('says which port was taken meanwhile, instead of calling the cluster dead', async () => {
      const { gateway } = machine.ports;
      play({ docker: { ...RUNNING, 'start stand-control-plane': taken(gateway) }, kubectl: ANSWERING });
      const { output, code } = await machine.make('cluster');
      expect(output).to.contain(`✗ stand-control-plane does not start: port ${gateway} is taken by another program\n`);
      expect(output).to.contain(`lsof -i :${gateway}`);
      expect(code).to.equal(1);
      expect(calls()).to.not.contain('delete');
    });

    it('exports its kube context again where the kubeconfig was lost, and selects none', async () => {
      play({
        docker: { ...RUNNING, ...mapping(machine.ports.gateway, machine.ports.database) },
        kubectl: { ...ANSWERING, 'config get-contexts': 'echo mine', '*get namespace': `printf ${fingerprint()}` },
      });
      const { output, code } = await machine.make('cluster');
      expect(code, output).to.equal(0);
      expect(output).to.contain('kube context kind-stand is missing: exporting it again');
      expect(calls()).to.contain('kind export kubeconfig --name stand').and.contain('kubectl config use-context mine');
    });

    it('asks before another replaces it that was made while another program had a port of a service', async () => {
      const { gateway, database } = machine.ports;
      const kubectl = { ...ANSWERING, '*get namespace': `printf ${fingerprint()}` };
      play({ docker: { ...RUNNING, ...mapping(database) }, kubectl });
      const { output, code } = await machine.make('cluster');
      expect(output).to.contain(`✗ Cluster kind-stand was made while another program had port ${gateway}. Delete it`);
      expect(code).to.equal(1);
      expect(calls()).to.not.contain('ctlptl');
    });

    it('asks before a changed file replaces it', async () => {
      play({ docker: RUNNING, kubectl: { ...ANSWERING, '*get namespace': 'echo other' } });
      const { output, code } = await machine.make('cluster');
      expect(output).to.contain('✗ Cluster kind-stand does not match cluster/ctlptl.yaml any more. Delete it');
      expect(code).to.equal(1);
      expect(calls()).to.not.contain('ctlptl');
    });

    it('deletes it only when asked to', async () => {
      play({ docker: RUNNING, kubectl: ANSWERING });
      expect((await machine.make('clean')).output).to.contain('YES=1 answers yes');
      expect(calls()).to.not.contain('delete');
      await machine.make('clean', { YES: '1' });
      expect(calls()).to.contain('ctlptl delete cluster kind-stand').and.contain('delete registry stand-registry');
    });
  });

  describe('where there is none', () => {
    const none = { ...RUNNING, 'container inspect': 'exit 1' };

    it('says which port another program has, before it makes one', async () => {
      const { gateway } = machine.ports;
      await machine.listen(gateway);
      play({ docker: none, kubectl: ANSWERING });
      expect((await machine.make('cluster')).output).to.contain(`✗ Taken by another program: port ${gateway}\n`);
      expect(calls()).to.not.contain('ctlptl');
    });

    it('does without the ports of other programs that no service has', async () => {
      const { gateway, database } = machine.ports;
      const file = 'cluster/ctlptl.yaml';
      machine.write('helm/app/values.yaml', 'serviceDefaults: {}\nservices: {}\npostgresql: { enabled: false }\n');
      await machine.listen(gateway);
      play({ docker: none, kubectl: ANSWERING, ctlptl: { apply: `echo "$(<"$3")" > ${machine.root}/applied` } });
      const { output, code } = await machine.make('cluster');
      expect(code, output).to.equal(0);
      expect(output).to.contain(`! Taken by another program: port ${gateway}; no service has it`);
      const mapped = (text: string) => [...text.matchAll(/hostPort: (\d+)/g)].map(([, port]) => Number(port));
      expect(mapped(readFileSync(join(machine.root, file), 'utf8'))).to.deep.equal([gateway, database]);
      expect(mapped(readFileSync(join(machine.root, 'applied'), 'utf8'))).to.deep.equal([database]);
    });

    it('has nothing to stop, and nothing to delete', async () => {
      play({ docker: none, kubectl: ANSWERING });
      expect((await machine.make('down')).output).to.equal('There is no cluster kind-stand.\n');
      expect((await machine.make('clean')).output).to.equal('There is nothing to delete.\n');
    });
  });

  const noEngines: [what: string, docker: Record<string, string>, env: Record<string, string>, reason: string][] = [
    ['does not run', STOPPED, {}, 'No Docker engine answers: Cannot connect to the Docker daemon'],
    ['is podman', PODMAN, {}, 'No Docker engine answers: what docker runs here is another program'],
    ['is elsewhere', RUNNING, { DOCKER_HOST: 'ssh://far' }, 'The Docker engine is on another machine: ssh://far'],
  ];
  for (const [what, docker, env, reason] of noEngines)
    describe(`whose engine ${what}`, () => {
      beforeEach(() => play({ docker, kubectl: ANSWERING }));

      for (const target of ['cluster', 'down', 'clean'])
        it(`has make ${target} say so`, async () => {
          const { output, code } = await machine.make(target, { YES: '1', ...env });
          expect(output).to.equal(`✗ ${reason}\n  Start Docker, or run without it: make dev MODE=host\n`);
          expect(code).to.equal(1);
        });

      it('is one for host mode, as doctor and make dev agree', async () => {
        expect((await machine.doctor(env)).output).to.contain(`make dev would run in host mode: ${reason}\n`);
        expect((await machine.make('dev', env)).output).to.contain(`Running on this machine (MODE=host): ${reason}.\n`);
      });
    });
});
