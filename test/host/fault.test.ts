import type { SpawnSyncReturns } from 'node:child_process';
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { eventually } from '../setup/wait.ts';
import { ask, Host, type HostFixture, hostFixture } from './host.ts';

/** One run of host mode whose calls make fault breaks. */
describe('make fault in host mode', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let host: Host;

  before(async () => {
    fixture = await hostFixture('clock');
    host = await new Host(fixture).ready();
  });
  after(async () => {
    await host?.destroy();
    fixture?.copy.remove();
  });

  function make(target: string, ...args: string[]): SpawnSyncReturns<string> {
    return fixture.copy.run('make', ['--silent', target, ...args]);
  }

  /** @throws with what it has said when it fails */
  function fault(...args: string[]): string {
    const { status, stdout, stderr } = make('fault', ...args);
    if (status !== 0) throw new Error(stderr);
    return stdout + stderr;
  }

  const items = async () => (await ask(fixture.ports.front, '/items')).status;

  const refused: [args: string, said: string][] = [
    ['FROM=front TO=store', '✗ What is to happen is missing\n  make fault FROM=web TO=payments DELAY=2s, or'],
    ['FROM=front DELAY=2s', '✗ TO is missing'],
    ['TO=store DELAY=2s', '✗ FROM is missing'],
    ['FROM=front TO=store CUT=1 REFUSE=1', '✗ That is more than one thing'],
    ['FROM=front TO=store CUT=1 CLEAR=1', '✗ That is more than one thing'],
    ['FROM=front TO=store DELAY=2', '✗ DELAY is a time such as 500ms, 2s or 1m, an hour at most, not 2'],
    ['FROM=front TO=store DELAY=61m', '✗ DELAY is a time'],
    ['FROM=front TO=store ANSWER=200', '✗ ANSWER is a status from 400 to 599, not 200'],
    ['FROM=back TO=store CUT=1', '✗ There is no service back. There are: front, store'],
    ['FROM=front TO=postgresql CUT=1', '✗ front calls no postgresql that runs here\n  It calls: store'],
    ['FROM=store TO=front CUT=1', '✗ store calls no front that runs here\n  It calls: postgresql'],
    ['FROM=store TO=postgresql ANSWER=503', '✗ postgresql knows no ANSWER=503\n  DELAY, REFUSE or CUT breaks it.'],
  ];
  for (const [args, said] of refused)
    it(`refuses ${args}`, () => expect(() => fault(...args.split(' '))).to.throw(said));

  it('sets faults, lists them, and clears those that are named', async () => {
    expect(fault()).to.equal('No fault is set.\n');
    expect(await items()).to.equal(200);
    expect(fault('FROM=front', 'TO=store', 'ANSWER=503')).to.equal(
      '✓ FROM=front TO=store ANSWER=503, until its process ends, or make fault CLEAR=1\n',
    );
    expect(await items()).to.equal(503);
    fault('FROM=store', 'TO=postgresql', 'REFUSE=1');
    expect((await ask(fixture.ports.store, '/')).status).to.equal(503);
    const [front, store] = ['FROM=front TO=store ANSWER=503', 'FROM=store TO=postgresql REFUSE=1'];
    expect(fault()).to.equal(`${front}\n${store}\n`);
    expect(fault('CLEAR=1', 'TO=postgresql')).to.equal(`✓ Cleared: ${store}\n`);
    expect(fault()).to.equal(`${front}\n`);
    expect(fault('CLEAR=1', 'FROM=store')).to.equal('No such fault is set.\n');
    expect(fault('CLEAR=1')).to.equal(`✓ Cleared: ${front}\n`);
    expect(await items()).to.equal(200);
    expect(existsSync(fixture.copy.at('services/front/.fault'))).to.equal(false);
  });

  it('has make status and the log tell of one', async () => {
    fault('FROM=front', 'TO=store', 'DELAY=5ms');
    const { status, stdout } = make('status');
    expect(stdout).to.match(/^! front .* by make fault TO=store DELAY=5ms$/m);
    expect(status).to.equal(2);
    await host.says('fault: each answer of store comes 5ms late');
    fault('CLEAR=1');
    await host.says('fault: store is reached as ever');
    expect(make('status').status).to.equal(0);
  });

  it('keeps a fault over a save, and loses it with the process', async () => {
    fault('FROM=front', 'TO=store', 'CUT=1');
    const app = 'services/front/src/app.ts';
    fixture.copy.write(app, `${fixture.copy.read(app)}\n// Saved.\n`);
    expect(make('wait').status).to.equal(0);
    expect(fault()).to.equal('FROM=front TO=store CUT=1\n');
    await host.destroy();
    expect(() => fault()).to.throw('✗ Nothing of the stand runs');
    host = await new Host(fixture).ready();
    expect(fault()).to.equal('No fault is set.\n');
    await eventually('it calls', async () => (await items()) === 200);
  });
});
