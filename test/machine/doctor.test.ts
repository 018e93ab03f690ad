import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { judgeInotify, judgePorts, judgeTool, ranges } from '../../scripts/doctor/judgement.ts';
import { chooseMode } from '../../scripts/facts/mode.ts';
import { find, Machine } from './machine.ts';

const TOOLS = ['helm', 'kubectl', 'kind', 'ctlptl', 'tilt', 'kubeconform', 'oasdiff'];
const UNREACHABLE = 'tcp://127.0.0.1:1';

describe('make doctor', () => {
  let machine: Machine;
  beforeEach(async () => {
    machine = await Machine.make();
  });
  afterEach(() => machine.end());

  it('has nothing to say against a machine that has everything', async () => {
    machine.installTools();
    machine.installDocker();
    const { output, code } = await machine.doctor();
    expect(output).not.to.contain('✗');
    expect(output).to.contain(`✓ Node.js ${process.versions.node}`);
    expect(output).to.contain('✓ tilt 0.37.6');
    expect(output).to.contain('✓ oasdiff 1.38.0');
    expect(output).to.match(/✓ ports .*: free/);
    expect(output).to.contain('✓ make dev would run in cluster mode: a Docker engine answers');
    expect(code).to.equal(0);
  });

  it('changes nothing', async () => {
    machine.installTools();
    const before = readdirSync(machine.root, { recursive: true });
    await machine.doctor();
    expect(readdirSync(machine.root, { recursive: true })).to.have.members(before);
  });

  it('chooses host mode where there is neither Docker nor a tool, and is content', async () => {
    const { output, code } = await machine.doctor();
    expect(output).to.contain('! Docker is not installed\n  Start Docker, or install it');
    for (const tool of TOOLS) expect(output).to.contain(`! ${tool} is missing\n  make tools`);
    expect(output).to.contain('✓ make dev would run in host mode: Docker is not installed');
    expect(code).to.equal(0);
  });

  it('fails for the cluster when Docker and the tools are missing', async () => {
    const { output, code } = await machine.doctor({ MODE: 'cluster' });
    expect(output).to.contain('✗ Docker is not installed\n');
    for (const tool of TOOLS.slice(0, 5)) expect(output).to.contain(`✗ ${tool} is missing\n  make tools`);
    for (const tool of TOOLS.slice(5)) expect(output).to.contain(`! ${tool} is missing`);
    expect(code).to.equal(1);
  });

  it('tells tools that are too old or too new, and is content with Helm 4 as with Helm 3', async () => {
    machine.installDocker();
    machine.installTools({
      helm: 'version.BuildInfo{Version:"v2.17.0"}',
      kubectl: 'Client Version: v1.30.1',
      tilt: 'v0.33.1, built 2023-06-01',
      kind: 'kind v0.40.0',
      kubeconform: 'development',
      oasdiff: 'oasdiff version main',
    });
    const { output, code } = await machine.doctor();
    expect(output).to.contain('✗ helm is 2.17.0; 3.21.4 is wanted\n  make tools');
    expect(output).to.contain('✗ tilt is 0.33.1; 0.37.6 is wanted');
    expect(output).to.contain('! kubectl is 1.30.1; 1.34.3 is wanted');
    expect(output).to.contain('✓ kind 0.40.0');
    expect(output).to.contain("✓ kubeconform, a build that doesn't say its version");
    expect(output).to.contain("✓ oasdiff, a build that doesn't say its version");
    expect(code).to.equal(1);

    machine.installTools({ helm: 'version.BuildInfo{Version:"v4.3.1"}' });
    expect((await machine.doctor()).output).to.contain('✓ helm 4.3.1');
  });

  it('takes a tool that does not run for missing', async () => {
    machine.install('kind', 'exit 1');
    expect((await machine.doctor()).output).to.contain('! kind is missing');
  });

  it('tells a port that another program has taken', async () => {
    machine.installTools();
    machine.installDocker();
    await machine.listen(machine.ports.gateway);
    const { output, code } = await machine.doctor();
    expect(output).to.contain(
      `✗ ports ${machine.ports.gateway}: taken by another program\n` +
        `  End it: lsof -nP -iTCP:${machine.ports.gateway} -sTCP:LISTEN tells which`,
    );
    expect(code).to.equal(1);
  });

  it('lets the registry have its port in host mode', async () => {
    await machine.listen(machine.ports.registry);
    const { output, code } = await machine.doctor({ MODE: 'host' });
    expect(output).to.contain(`! ports ${machine.ports.registry}: taken by another program`);
    expect(code).to.equal(0);
  });

  it("knows the ports of the stand's own containers", async () => {
    machine.installTools();
    machine.installDocker({ cluster: 'running', registry: 'running' });
    await machine.listen(machine.ports.gateway);
    const { output, code } = await machine.doctor();
    const { gateway, registry } = machine.ports;
    expect(output).to.contain(`✓ ports ${ranges([gateway, registry])}: held by the stand's cluster`);
    expect(output).to.contain('✓ registry stand-registry is running');
    expect(code).to.equal(0);
  });

  it('knows the ports of the running host mode', async () => {
    await machine.startHostMode();
    const { gateway, database } = machine.ports;
    await machine.listen(gateway);
    await machine.listen(database);
    const { output, code } = await machine.doctor();
    expect(output).to.contain(`✓ ports ${ranges([gateway, database])}: held by the stand's host mode`);
    expect(output).to.match(/host mode runs now, as process \d+/);
    expect(code).to.equal(0);
  });

  it('says that a stopped cluster and a missing registry come back with make cluster', async () => {
    machine.installTools();
    machine.installDocker({ cluster: 'exited' });
    const { output } = await machine.doctor();
    expect(output).to.contain('! cluster stand-control-plane is exited\n  make cluster');
    expect(output).to.contain('! registry stand-registry is missing\n  make cluster');
  });

  it('tells a firewall between the pods and this machine', async () => {
    machine.installTools();
    machine.installDocker({ cluster: 'running', registry: 'running' });
    expect((await machine.doctor()).output).not.to.contain('firewall');
    machine.installDocker({ cluster: 'running', registry: 'running', firewall: true });
    const { output } = await machine.doctor();
    expect(output).to.match(
      /! Pods do not reach port \d+ of this machine at 192\.0\.2\.1: a firewall here is in between,/,
    );
    expect(output).to.match(/ufw allow from 172\.16\.0\.0\/12 to any port \d+ proto tcp/);
  });

  it('wants memory for Docker', async () => {
    machine.installDocker({ memory: 2 * 2 ** 30 });
    expect((await machine.doctor()).output).to.contain('! Docker has 2.0 GiB of memory; 4 are wanted\n  ');
  });

  it('tells an engine that does not answer', async function () {
    const docker = find('docker') ?? this.skip();
    machine.link('docker', docker);
    const { output } = await machine.doctor({ DOCKER_HOST: UNREACHABLE });
    expect(output).to.match(/! No Docker engine answers: .*127\.0\.0\.1:1.*\n {2}Start Docker/);
    expect(output).to.contain('host mode: No Docker engine answers');
    expect((await machine.doctor({ DOCKER_HOST: UNREACHABLE, MODE: 'cluster' })).code).to.equal(1);
  });

  it('minds no other kube context, and misses its own only when its cluster is there', async function () {
    const kubectl = find('kubectl') ?? this.skip();
    machine.installTools();
    machine.link('kubectl', kubectl);
    const other = { KUBECONFIG: machine.kubeconfig('production', 'production') };
    machine.installDocker();
    expect((await machine.doctor(other)).output).to.contain(
      '✓ kube context kind-stand comes with the cluster; production is',
    );
    machine.installDocker({ cluster: 'running', registry: 'running' });
    const lost = await machine.doctor(other);
    expect(lost.output).to.contain(
      '! kube context kind-stand is missing, though its cluster exists\n  make cluster exports it again',
    );
    const both = { KUBECONFIG: machine.kubeconfig('production', 'production', 'kind-stand') };
    expect((await machine.doctor(both)).output).to.contain(
      '✓ kube context kind-stand is there, not selected (production is)',
    );
  });

  it('refuses settings that name nothing', async () => {
    for (const [setting, sentence] of [
      [{ MODE: 'clster' }, '✗ MODE is cluster or host, not clster'],
      [{ ENV: 'nowhere' }, '✗ There is no environment nowhere.'],
      [{ SERVICES: 'gateway ordres' }, '✗ There is no service ordres.'],
    ] as const) {
      const { output, code } = await machine.doctor(setting);
      expect(output).to.contain(sentence);
      expect(code).to.equal(1);
    }
  });
});

describe("the doctor's judgement", () => {
  it('wants room for file watchers, where Linux limits them', () => {
    expect(judgeInotify(undefined)).to.deep.equal([]);
    const [instances, watches] = judgeInotify({ max_user_instances: 128, max_user_watches: 524_288 });
    expect(instances?.mark).to.equal('!');
    expect(instances?.fix).to.equal('sudo sysctl fs.inotify.max_user_instances=512');
    expect(watches?.mark).to.equal('✓');
  });

  it('takes the mode that is asked for, else the one that Docker allows', () => {
    const engine = { memory: 2 ** 33, root: '/' };
    expect(chooseMode('', engine)).to.include({ mode: 'cluster', reason: 'a Docker engine answers' });
    expect(chooseMode('', { fault: 'none' })).to.include({ mode: 'host', reason: 'none' });
    expect(chooseMode('host', engine)).to.include({ mode: 'host', reason: 'MODE=host' });
  });

  it('lets only the cluster fail for a tool', () => {
    const tool = { name: 'kind', wanted: '0.33.0', found: undefined };
    expect([judgeTool(tool, 'cluster').mark, judgeTool(tool, 'host').mark]).to.deep.equal(['✗', '!']);
  });

  it('warns of the ports that the other mode holds', () => {
    const port = { port: 8080, neededBy: ['cluster' as const, 'host' as const], holder: 'the cluster' as const };
    expect(judgePorts([port], 'cluster')[0]?.mark).to.equal('✓');
    expect(judgePorts([port], 'host')[0]?.mark).to.equal('!');
    expect(judgePorts([{ ...port, holder: 'host mode' }], 'cluster')[0]?.mark).to.equal('!');
  });

  it('writes ports as ranges', () => {
    expect(ranges([8080, 15432, 8081, 8082, 5005])).to.equal('5005, 8080-8082, 15432');
  });
});

/** Where a program is on this machine's PATH. */
