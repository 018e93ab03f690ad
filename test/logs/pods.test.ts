import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, Machine } from '../machine/machine.ts';
import { eventually } from '../setup/wait.ts';

/** The minute before this one, without its seconds. */
const MINUTE = new Date(Date.now() - 60_000).toISOString().slice(0, -'00.000Z'.length);
const line = (pod: string, seconds: string, text: string): string =>
  `[pod/${pod}/gateway] ${MINUTE}${seconds}Z ${text}`;
const json = (seconds: string, requestId: string): string =>
  JSON.stringify({ level: 'info', time: `${MINUTE}${seconds}Z`, requestId, msg: 'request completed' });

const [OLD, NEW] = ['gateway-5d8f7c9b6-x2x4z', 'gateway-5d8f7c9b6-abcde'];

/** What kubectl does is played; what a real one does is in e2e. */
describe('make logs, of pods', () => {
  let machine: Machine;

  beforeEach(async () => {
    machine = await Machine.make();
  });
  afterEach(() => machine.end());

  /** A kubectl that knows the contexts, and prints these logs, the first ones at its first call. */
  function play(...logs: string[][]): void {
    logs.forEach((lines, call) => {
      machine.write(`logs-${call}`, `${lines.join('\n')}\n`);
    });
    machine.install(
      'kubectl',
      `PATH=/usr/bin:/bin
case "$*" in
  "config get-contexts"*) printf 'kind-stand\\nfar-away\\n' ;;
  *"get services"*) echo '{ "items": [{ "metadata": { "name": "gateway" }, "spec": { "selector": {} } }] }' ;;
  *" logs "*) echo "$*" >> ${machine.root}/calls; cat "${machine.root}/logs-$(($(wc -l < ${machine.root}/calls) - 1))" ;;
esac`,
    );
  }

  const logs = (env: Record<string, string> = {}): Promise<Ended> => machine.make('logs', env);
  const calls = (): string[] => readFileSync(join(machine.root, 'calls'), 'utf8').trim().split('\n');

  it('puts the lines of several pods in order, each as text', async () => {
    play([
      line(OLD, '03.000000000', json('02.000', 'b')),
      line(OLD, '03.000000001', json('04.000', 'd')),
      line(NEW, '01.000000000', json('01.000', 'a')),
      line(NEW, '05.000000000', json('03.000', 'c')),
    ]);
    const { output, code } = await logs({ SINCE: '10m' });
    expect(code, output).to.equal(0);
    const ids = output
      .trim()
      .split('\n')
      .map((text) => /^gateway +\d\d:.* (\w)$/.exec(text)?.[1]);
    expect(ids).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(calls()[0]).to.contain('--context kind-stand --namespace stand logs').and.contain('--since=600s');
    expect(calls()[0]).to.contain('app.kubernetes.io/instance=stand,app.kubernetes.io/name in (gateway)');
  });

  it('takes a line for one, whatever is in it', async () => {
    play([line(OLD, '01.000000000', 'safe\r09:00:00.000 FATAL forged\u2028on'), line(OLD, '02.000000000', 'next\r')]);
    const { output, code } = await logs();
    expect(code, output).to.equal(0);
    expect(output).to.equal('gateway    safe\\r09:00:00.000 FATAL forged\u2028on\ngateway    next\n');
  });

  it('shows the lines of a service once, however often it is named', async () => {
    play([line(OLD, '01.000000000', json('01.000', 'a'))]);
    await logs({ SERVICE: 'gateway gateway' });
    expect(calls()[0]).to.contain('app.kubernetes.io/name in (gateway)');
  });

  it('asks a release elsewhere by its context, namespace and name', async () => {
    play([line(OLD, '01.000000000', json('01.000', 'a'))]);
    const { output, code } = await logs({ CONTEXT: 'far-away', NAMESPACE: 'shop', RELEASE: 'blue', REQUEST: 'a' });
    expect(code, output).to.equal(0);
    expect(calls()[0]).to.contain('--context far-away --namespace shop').and.contain('instance=blue');
  });

  it('follows the pods that come after those that go, and shows no line twice', async () => {
    const before = [line(OLD, '01.000000000', json('01.000', 'a')), line(OLD, '02.000000000', json('02.000', 'b'))];
    play(before, [...before.slice(1), line(NEW, '03.000000000', json('03.000', 'c'))]);
    let output = '';
    machine.start('logs', { FOLLOW: '1' }).stdout?.on('data', (data) => {
      output += data;
    });
    await eventually('the new line is shown', () => / c$/m.test(output));
    expect(output.match(/ \w$/gm)).to.deep.equal([' a', ' b', ' c']);
    expect(calls()[1]).to.contain(`--since-time=${MINUTE}00.`);
  });

  const refusals: [env: Record<string, string>, says: string][] = [
    [{ CONTEXT: 'moon' }, 'There is no kube context moon'],
    [{ NAMESPACE: 'shop' }, 'CONTEXT is missing\n  Name the kube context of that release.'],
    [{ SERVICE: 'moon' }, 'There is no service moon. There are: gateway.'],
    [{ LEVEL: 'loud' }, 'LEVEL is one of trace, debug, info, warn, error, fatal, not loud'],
    [{ SINCE: '1 hour' }, 'SINCE is a time such as 30s, 10m, 2h or 1d, not 1 hour'],
    [{ REQUEST: 'none' }, 'There is no such line'],
  ];
  for (const [env, says] of refusals)
    it(`ends with 1 and a sentence: ${says.split('\n')[0]}`, async () => {
      play([line(OLD, '01.000000000', json('01.000', 'a'))]);
      const { output, code } = await logs(env);
      expect(output).to.contain(`✗ ${says}`);
      expect(code).to.equal(1);
    });
});
