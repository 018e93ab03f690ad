import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { expect } from 'chai';
import { readNames } from '../../scripts/facts/names.ts';
import { capture } from '../../scripts/machine/command.ts';
import { hasContainer } from '../../scripts/machine/engine.ts';
import { send } from '../../scripts/measure/load.ts';
import type { Copy } from '../setup/copy.ts';
import { send as ask, processStart } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { inFixture, items, makeFixture, STORE, tiltCi } from './setup.ts';

const [ITS_STORE, ITS_FRONT] = ['http://localhost:8181', 'http://localhost:8180'];

describe('a second stand beside the first', function () {
  this.bail(true);
  let second: Copy | undefined;
  let dev: ChildProcess | undefined;
  let output = '';

  inFixture();
  before(async () => {
    // Takes slot 0, and then the cluster that is there.
    await capture('make', ['cluster']);
    await tiltCi();
    second = await makeFixture();
    Object.assign(second.env, { XDG_STATE_HOME: process.env.XDG_STATE_HOME });
    start('MODE=cluster');
  });
  afterEach(function () {
    if (this.currentTest?.isFailed()) console.log(output.split('\n').slice(-60).join('\n'));
  });
  after(async () => {
    await interrupt();
    inSecond('clean', 'YES=1');
    second?.remove();
    await capture('make', ['down']);
  });

  function start(mode: string): void {
    const options = { cwd: second?.root, env: { ...process.env, MAKEFLAGS: '', MAKELEVEL: '' }, detached: true };
    dev = spawn('make', ['dev', mode, 'TESTS=0'], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [dev.stdout, dev.stderr]) stream?.on('data', (data) => (output += data));
  }

  async function interrupt(): Promise<void> {
    if (!dev?.pid || dev.exitCode !== null || dev.signalCode !== null) return;
    process.kill(-dev.pid, 'SIGINT');
    await once(dev, 'exit');
  }

  function inSecond(...args: string[]): string {
    const { stdout, stderr } = second?.run('make', args) ?? {};
    return `${stdout}${stderr}`;
  }

  it('has a cluster, a database and ports of its own, and Tilt too', async () => {
    await eventually('the release is whole', () => inSecond('wait').includes('✓ Ready'), 600_000);
    expect(output).to.match(/^Slot 1: ports are 100 higher than in slot 0; kind-stand-/m);
    expect((await ask('http://localhost:10351')).status).to.equal(200);
    expect((await send(ITS_STORE, { name: 'mine' })).status).to.equal(201);
    expect(await items(ITS_FRONT)).to.include('mine');
    expect(await items()).to.not.include('mine');
  });

  it('has each know its own alone', async () => {
    expect(inSecond('status')).to.contain(ITS_STORE).and.contain('localhost:15532').and.not.contain(STORE);
    expect(await capture('make', ['--silent', 'status']))
      .to.contain(STORE)
      .and.contain('localhost:15432');
    inSecond('db-save', 'NAME=before');
    expect(inSecond('db-list')).to.contain('before');
    expect(await capture('sh', ['-c', 'make db-list 2>&1'])).to.contain('There is no save yet');
    const query = `echo "select count(*) from store.items where name = 'mine'" | make --silent psql`;
    expect(await capture('sh', ['-c', query])).to.match(/^ +0$/m);
  });

  it('takes a save alone', async () => {
    const start = await processStart(STORE);
    appendFileSync(second?.at('services/store/src/app.ts') ?? '', '// saved\n');
    expect(inSecond('wait')).to.contain('✓ Ready');
    expect(await processStart(STORE)).to.equal(start);
  });

  it('stays when the first goes, and leaves the registry to it', async () => {
    await capture('make', ['down']);
    expect(await items(ITS_FRONT)).to.include('mine');
    await interrupt();
    expect(inSecond('clean', 'YES=1')).to.not.contain('registry');
    expect(await Promise.all([readNames().node, readNames().registry.name].map(hasContainer))).to.deep.equal([
      true,
      true,
    ]);
  });

  it('runs in the other mode beside the first', async () => {
    await tiltCi();
    start('MODE=host');
    await eventually('all are ready', () => output.includes('✓ Ready'));
    expect((await send(ITS_STORE, { name: 'on this machine' })).status).to.equal(201);
    expect(await items(ITS_FRONT)).to.include('on this machine');
    expect(await items()).to.not.include('on this machine');
    await interrupt();
    expect(await items()).to.include('first');
  });
});
