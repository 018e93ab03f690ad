import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { expect } from 'chai';
import { isTaken } from '../../scripts/machine/ports.ts';
import { locate } from '../../scripts/status/errors.ts';
import type { ServiceStatus, Status } from '../../scripts/status/status.ts';
import { duration, renderStatus } from '../../scripts/status/table.ts';
import { hashMigrations, hashSources } from '../../services/chassis/sources.cjs';
import { Machine } from '../machine/machine.ts';
import { listen, type Running } from '../setup/http.ts';

/** What a service answers at each path. */
type Answers = Record<string, [status: number, body: object | string]>;

/** The first service's. */
const INSPECTOR = 9229;
const ERROR = 'src/app.ts:12: Expression expected\nreturn = 2;\n       ^';
const DOES_NOT_START = { status: 'down', reason: 'does not start, src/app.ts:12', error: ERROR };

describe('make status and make wait', () => {
  let machine: Machine;
  let service: Running | undefined;
  /** Of a make dev that runs meanwhile. */
  let inspector: number | null;

  before(async () => {
    inspector = (await isTaken(INSPECTOR)) ? INSPECTOR : null;
  });
  beforeEach(async () => {
    machine = await Machine.make();
    machine.write('services/gateway/nodemon.json', '{ "watch": ["src"], "ext": "ts" }');
    machine.write('services/gateway/src/app.ts', 'app');
    machine.write('services/gateway/package.json', '{}');
  });
  afterEach(async () => {
    await service?.close();
    service = undefined;
    machine.end();
  });

  const sources = (): string => hashSources(`${machine.root}/services/gateway`) ?? '';
  const migrated = () => ({ hash: hashMigrations(`${machine.root}/services/gateway`), failed: false });
  /** What a service says of itself in development. */
  const up = () => ({ status: 'up', sources: sources(), migrated: migrated() });

  async function serve(answers: Answers): Promise<void> {
    const server: Server = createServer((req, res) => {
      const [status, body] = answers[req.url ?? ''] ?? [404, {}];
      res.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    service = await listen(server, machine.ports.gateway);
  }

  async function status(env: Record<string, string> = {}): Promise<Status & { code: number }> {
    const { output, code } = await machine.make('status', { JSON: '1', ...env });
    return { ...JSON.parse(output), code };
  }

  /** The gateway's, of which `expected` is all that is known beside its name and address. */
  function gateway(expected: Partial<ServiceStatus>): ServiceStatus {
    const address = `http://localhost:${machine.ports.gateway}`;
    const runs = expected.state && expected.state !== 'off';
    const nothing = { age: null, reason: null, error: null, debugger: runs ? inspector : null, current: null };
    return { name: 'gateway', state: 'not running', address, ...nothing, ...expected };
  }

  const wait = (env: Record<string, string> = {}) => machine.make('wait', { TIMEOUT: '1', ...env });

  describe('where nothing runs', () => {
    it('say so at once', async () => {
      const { services, ready, reason, code } = await status();
      expect(services).to.deep.equal([gateway({})]);
      expect([ready, code]).to.deep.equal([false, 1]);
      expect(reason).to.equal('nothing runs; make dev would choose it: Docker is not installed');
      expect(await wait({ TIMEOUT: '600' })).to.deep.equal({
        output: '✗ Nothing of the stand runs\n  Start it: make dev\n',
        code: 17,
      });
    });
  });

  describe('in host mode', () => {
    beforeEach(() => machine.startHostMode());

    it('are content with a service that is ready, by the sources on disk', async () => {
      const start = `process_start_time_seconds ${Date.now() / 1000 - 90}\n`;
      await serve({
        '/livez': [200, up()],
        '/readyz': [200, {}],
        '/metrics': [200, start],
      });
      const { services, code } = await status();
      const age = services[0]?.age ?? 0;
      expect(age).to.be.within(90, 3600);
      expect(services).to.deep.equal([gateway({ state: 'ready', age, current: true })]);
      expect(code).to.equal(0);
      expect(await wait()).to.deep.equal({ output: '✓ Ready, by the sources as they are: gateway\n', code: 0 });
    });

    it('are not content with other sources', async () => {
      await serve({ '/livez': [200, up()], '/readyz': [200, {}] });
      machine.write('services/gateway/src/app.ts', 'another');
      const { services, code } = await status();
      expect(services).to.deep.equal([gateway({ state: 'ready', current: false })]);
      expect(code).to.equal(1);
      const { output, code: waited } = await wait();
      expect(output).to.contain('✗ Not ready after 1 s:\n  gateway: it runs, or has failed by, other sources');
      expect(waited).to.equal(17);
    });

    it('tell why a service is not ready', async () => {
      await serve({
        '/livez': [200, up()],
        '/readyz': [503, { status: 'down', reason: 'the database does not answer' }],
      });
      expect((await status()).services).to.deep.equal([
        gateway({ state: 'not ready', reason: 'the database does not answer', current: true }),
      ]);
      expect(await wait()).to.deep.include({
        output: [
          '… gateway: the database does not answer',
          '✗ Not ready after 1 s:',
          '  gateway: the database does not answer',
          '  make status says more.\n',
        ].join('\n'),
        code: 17,
      });
    });

    for (const code of [200, 503])
      it(`tell what keeps it from starting, at once, when /livez says it with ${code}`, async () => {
        const down = { ...DOES_NOT_START, sources: sources() };
        await serve({ '/livez': [code, down], '/readyz': [503, down] });
        const { services } = await status();
        const error = { age: null, text: ERROR, at: 'services/gateway/src/app.ts:12' };
        expect(services).to.deep.equal([
          gateway({ state: 'does not start', reason: DOES_NOT_START.reason, error, current: true }),
        ]);
        const waited = await wait({ TIMEOUT: '600' });
        expect(waited).to.deep.equal({ output: `✗ gateway does not start, src/app.ts:12\n${ERROR}\n`, code: 18 });
      });

    it('give a service that does not start time to do so by the save that has come since', async () => {
      await serve({ '/livez': [503, { ...DOES_NOT_START, sources: 'before' }] });
      expect((await wait()).code).to.equal(17);
      expect((await status()).services[0]).to.include({ state: 'does not start', current: false });
    });

    it('say of one that takes connections and does not answer just that', async () => {
      service = await listen(createServer(), machine.ports.gateway);
      const reason = 'it does not answer, though it listens';
      expect((await status()).services).to.deep.equal([gateway({ state: 'not ready', reason })]);
    });

    it('are not content while migrations are to be applied', async () => {
      await serve({ '/livez': [200, up()], '/readyz': [200, {}] });
      machine.write('services/gateway/migrations/1_one.sql', 'select 1;');
      await machine.startHostMode({ gateway: { hash: 'before', failed: true } });
      const reason = 'its migrations are not applied';
      expect((await status()).services).to.deep.equal([gateway({ state: 'not ready', reason, current: true })]);
      expect(await wait()).to.include({ code: 17 });
      await machine.startHostMode({ gateway: migrated() });
      expect((await wait()).code).to.equal(0);
    });

    it('tell of migrations that failed, at once', async () => {
      await serve({ '/livez': [200, up()], '/readyz': [200, {}] });
      machine.write('services/gateway/migrations/1_one.sql', 'select;');
      await machine.startHostMode({ gateway: { ...migrated(), failed: true } });
      const msg = 'migration of gateway failed: migrations/1_one.sql:1: syntax error';
      const time = new Date().toISOString();
      machine.write('.stand/logs/gateway.log', `${time} ${JSON.stringify({ level: 'fatal', time, msg })}\n`);
      const { services } = await status();
      const { age = null, text = '' } = services[0]?.error ?? {};
      expect(text).to.match(/^\d\d:.* FATAL migration of gateway failed: /);
      const error = { age, text, at: 'services/gateway/migrations/1_one.sql:1' };
      const reason = 'its migrations failed';
      expect(services).to.deep.equal([gateway({ state: 'not ready', reason, error, current: true })]);
      expect(await wait({ TIMEOUT: '600' })).to.deep.equal({ output: `✗ gateway ${reason}\n${text}\n`, code: 18 });
    });

    it('tell the last error since the sources were saved, also of a process that has ended', async () => {
      await serve({
        '/livez': [200, up()],
        '/readyz': [200, {}],
        '/metrics': [200, 'process_start_time_seconds 9e9\n'],
      });
      await machine.startHostMode();
      const time = new Date().toISOString();
      const event = { level: 'fatal', time, msg: 'has ended, exit code 3' };
      machine.write('.stand/logs/gateway.log', `${time} ${JSON.stringify(event)}\n`);
      const { services, code } = await status();
      expect(services[0]?.error?.text).to.contain('has ended, exit code 3');
      expect([services[0]?.state, code]).to.deep.equal(['ready', 0]);
      machine.write('services/gateway/src/app.ts', 'app');
      expect((await status()).services[0]?.error).to.equal(null);
    });

    it('say of one that does not answer that it starts', async () => {
      expect((await status()).services).to.deep.equal([gateway({ state: 'starting', reason: 'it does not answer' })]);
      expect((await wait()).output).to.contain('  gateway: it does not answer\n');
    });

    it('take no other program for the service', async () => {
      await serve({ '/livez': [200, '<html>'], '/readyz': [200, '<html>'] });
      const reason = 'what answers in its place is another program';
      expect((await status()).services).to.deep.equal([gateway({ state: 'starting', reason })]);
      expect((await wait()).output).to.contain(`  gateway: ${reason}\n`);
    });

    it('ask a service in another language for readiness alone, and say so', async () => {
      await serve({ '/livez': [200, { status: 'up' }], '/readyz': [200, {}] });
      expect((await wait()).output).to.contain('  gateway: it does not tell by which sources it runs\n');
      machine.remove('services/gateway/package.json');
      const { output, code } = await wait();
      expect(output).to.contain('! gateway is in another language');
      expect(code).to.equal(0);
      expect((await status()).code).to.equal(0);
    });

    it('tell the debugger that listens', async function () {
      if (inspector) this.skip();
      await serve({ '/livez': [200, up()], '/readyz': [200, {}] });
      await machine.listen(INSPECTOR);
      expect((await status()).services[0]?.debugger).to.equal(INSPECTOR);
    });

    it('refuse what they do not understand', async () => {
      for (const timeout of ['0', '-1', '1.5', '5m', '1e9'])
        expect(await wait({ TIMEOUT: timeout })).to.deep.equal({
          output: `✗ TIMEOUT is a number of seconds from 1 to 86400, not ${timeout}\n`,
          code: 1,
        });
      expect((await wait({ SERVICE: 'moon' })).output).to.equal('✗ There is no service moon. There are: gateway.\n');
      expect((await machine.make('status', { MODE: 'hosst' })).output).to.equal(
        '✗ MODE is cluster or host, not hosst\n',
      );
      expect((await machine.make('status', { JSON: 'yes' })).output).to.equal('✗ JSON is 1 or nothing, not yes\n');
    });
  });

  describe('in the cluster', () => {
    function play(answers: Record<string, string>): void {
      const cases = Object.entries(answers).map(([pattern, text]) => `*"${pattern}"*) cat <<'END'\n${text}\nEND\n;;`);
      machine.install('kubectl', `PATH=/usr/bin:/bin\ncase "$*" in ${cases.join('\n')} esac`);
    }

    const deployed = (name: string): string =>
      JSON.stringify({ items: [{ metadata: { name }, spec: { selector: {} } }] });

    const failing = {
      metadata: { name: 'gateway-1-2', labels: { 'app.kubernetes.io/name': 'gateway' } },
      status: {
        phase: 'Pending',
        initContainerStatuses: [{ name: 'migrate', state: { terminated: { exitCode: 1, reason: 'Error' } } }],
      },
    };

    it('tell what keeps a pod from serving, with the last lines of what failed', async () => {
      play({
        'get services': deployed('gateway'),
        'get pods': JSON.stringify({ items: [failing] }),
        'logs gateway-1-2': 'no such column: price',
      });
      const { mode, services } = await status();
      expect(mode).to.equal('cluster');
      const reason = 'migrate ended with exit code 1';
      const error = { age: null, text: 'no such column: price', at: null };
      expect(services).to.deep.equal([gateway({ state: 'does not start', reason, error })]);
      expect((await wait()).output).to.contain(`  gateway: it does not answer; ${reason}\n`);
    });

    it('say of a service that serves what is wrong with the pod that is to take its place', async () => {
      play({ 'get services': deployed('gateway'), 'get pods': JSON.stringify({ items: [failing] }) });
      await serve({ '/livez': [200, up()], '/readyz': [200, {}] });
      const { services, code } = await status();
      expect(services[0]).to.include({ state: 'ready', reason: 'migrate ended with exit code 1' });
      expect(code).to.equal(1);
    });

    it('are not content while a pod has migrations to apply', async () => {
      play({ 'get services': deployed('gateway'), 'get pods': '{}' });
      await serve({ '/livez': [200, up()], '/readyz': [200, {}] });
      expect((await status()).services[0]).to.include({ state: 'ready', current: true });
      machine.write('services/gateway/seed.sql', 'select 1;');
      const reason = 'its migrations are not applied';
      expect((await status()).services[0]).to.include({ state: 'not ready', reason, current: true });
      await service?.close();
      await serve({ '/livez': [200, { ...up(), migrated: { ...migrated(), failed: true } }] });
      expect(await wait()).to.deep.equal({ output: '✗ gateway its migrations failed\n', code: 18 });
    });

    it('take what has no Service for switched off', async () => {
      play({ 'get services': deployed('other') });
      expect((await status()).services).to.deep.equal([gateway({ state: 'off' })]);
      expect((await wait({ SERVICE: 'gateway' })).output).to.equal(
        '✗ gateway is not among the services that run\n  make dev SERVICES="…" runs it.\n',
      );
    });
  });
});

describe('a status', () => {
  it('is documented as it is', () => {
    const source = readFileSync('scripts/status/status.ts', 'utf8');
    const [shape = ''] = /export interface Status [\s\S]*?(?=\n\ntype )/.exec(source) ?? [];
    expect(shape).to.contain('interface DatabaseStatus');
    expect(readFileSync('docs/status.md', 'utf8')).to.contain(shape.replaceAll('export ', ''));
  });

  it('is a table for people', () => {
    const service = (name: string, status: Partial<ServiceStatus>): ServiceStatus => ({
      name,
      state: 'ready',
      address: 'http://localhost:8080',
      age: 5,
      reason: null,
      error: null,
      debugger: null,
      current: true,
      ...status,
    });
    const text = renderStatus({
      name: 'stand',
      mode: 'host',
      reason: 'host mode runs, as process 7',
      ready: false,
      services: [
        service('web', {
          debugger: 9229,
          error: { age: 75, text: 'ERROR request failed\n    at pay', at: 'services/web/src/app.ts:3' },
        }),
        service('payments', { state: 'does not start', age: null, reason: 'does not start, src/app.ts:12' }),
        service('stock', { current: false, age: 7300 }),
        service('clock', { current: null, age: null }),
        service('mail', { state: 'off', age: null, current: null }),
      ],
      database: { state: 'ready', address: 'localhost:15432', reason: null },
    });
    expect(text).to.equal(
      [
        'stand in host mode: host mode runs, as process 7',
        '✓ web       ready           http://localhost:8080  5 s  debugger 9229',
        '    services/web/src/app.ts:3, 1 min ago',
        '    ERROR request failed',
        '        at pay',
        '✗ payments  does not start  http://localhost:8080                      src/app.ts:12',
        '! stock     ready           http://localhost:8080  2 h                 runs other sources than those on disk',
        '✓ clock     ready           http://localhost:8080                      does not tell its sources',
        '  mail      off',
        '✓ database  ready           localhost:15432',
      ].join('\n'),
    );
  });

  it('has ages at a glance', () => {
    expect([0, 59, 60, 3599, 3600, 86_399, 86_400].map(duration)).to.deep.equal([
      '0 s',
      '59 s',
      '1 min',
      '59 min',
      '1 h',
      '23 h',
      '1 d',
    ]);
  });

  const places: [text: string, at: string | null][] = [
    ['src/app.ts:12: Expression expected', 'services/orders/src/app.ts:12'],
    ['../chassis/src/serve.ts:3: Expression expected', 'services/chassis/src/serve.ts:3'],
    ['at charge (/app/services/orders/src/deep/pay.ts:7:3)', 'services/orders/src/deep/pay.ts:7'],
    ['at x (/home/a b/stand/services/chassis/src/client.ts:7:3)', 'services/chassis/src/client.ts:7'],
    ['at x (/app/node_modules/other/src/index.ts:7:3)\nat y (src/app.ts:1:2)', 'services/orders/src/app.ts:1'],
    ['migrations/2_prices.sql:3: syntax error', 'services/orders/migrations/2_prices.sql:3'],
    ['seeding failed: seed.sql:3: syntax error', 'services/orders/seed.sql:3'],
    ['connect ECONNREFUSED 127.0.0.1:15432', null],
  ];
  for (const [text, at] of places)
    it(`names ${at ?? 'no place'} for ${JSON.stringify(text)}`, () => {
      expect(locate('orders', text)).to.equal(at);
    });
});
