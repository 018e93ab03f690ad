import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { Status } from '../../scripts/status/status.ts';
import { send } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { editFront, saveRoute } from './front-routes.ts';
import { ask, Host, type HostFixture, hostFixture } from './host.ts';

const SAVES = 20;
const REQUEST = '1a2b3c4d-0000-4000-8000-000000000000';
/** How long a line takes to be taken down. */
const RECORDED = 'the line is in its file';

/** One run of host mode, and what make status, wait and logs say of it. */
describe('host mode, asked', function () {
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

  /** The script behind a target of make, with its arguments. */
  const start = (target: string, args: Record<string, string> = {}): ChildProcess =>
    startScript([`scripts/make/${target}.ts`], args);

  function startScript(script: string[], args: Record<string, string> = {}): ChildProcess {
    return spawn('node', ['--conditions=source', '--require', 'ts-node/register', ...script], {
      cwd: fixture.copy.root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...fixture.copy.env, MODE: 'host', ...args },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  const run = (target: string, args: Record<string, string> = {}) => ending(start(target, args));

  async function ending(child: ChildProcess) {
    const { stdout, stderr } = child as { stdout: NodeJS.ReadableStream; stderr: NodeJS.ReadableStream };
    const [output, said, [code]] = await Promise.all([text(stdout), text(stderr), once(child, 'close')]);
    return { output, said, code };
  }

  async function status(): Promise<Status & { code: number }> {
    const { output, code } = await run('status', { JSON: '1' });
    return { ...JSON.parse(output), code };
  }

  /** What Tilt's row of front's tests runs. */
  const startRow = () => startScript(['scripts/cluster/tests-row.ts', 'front', 'store']);
  const writeTest = (body: string): void =>
    fixture.copy.write('services/front/test/front.test.ts', `it('greets', function () {\n  ${body}\n});\n`);

  const saved = async (): Promise<string> => (await ask(fixture.ports.front, '/saved')).text;

  it(`serves ${SAVES} of ${SAVES} saves to the first request after make wait`, async () => {
    const served: string[] = [];
    const wanted = Array.from({ length: SAVES }, (_, save) => `save ${save}`);
    for (const answer of wanted) {
      saveRoute(fixture.copy, answer);
      const { code, said } = await run('wait', { SERVICE: 'front' });
      expect(code, said).to.equal(0);
      served.push(await saved());
    }
    expect(served).to.deep.equal(wanted);
  });

  it("has make wait wait for all after a save of the chassis'", async () => {
    const file = 'services/chassis/src/health.ts';
    fixture.copy.write(file, `${fixture.copy.read(file)}\n// Saved.\n`);
    const { code, said } = await run('wait');
    expect(code, said).to.equal(0);
    expect(said).to.contain('✓ Ready, by the sources as they are: front, store\n');
  });

  it('has make wait wait for a new migration, and end with one that fails', async () => {
    const added = "select pg_sleep(0.5);\ninsert into store.items (name) values ('added');\n";
    fixture.copy.write('services/store/migrations/0002_added.sql', added);
    expect((await run('wait', { SERVICE: 'store' })).code).to.equal(0);
    expect((await ask(fixture.ports.store, '/')).text).to.contain('added');
    const broken = 'services/store/migrations/0003_broken.sql';
    fixture.copy.write(broken, 'select nothing;\n');
    const { code, said } = await run('wait', { SERVICE: 'store' });
    expect(said).to.match(
      /✗ store its migrations failed\n.* FATAL .* migrations\/0003_broken.sql:1: column "nothing" /,
    );
    expect(code).to.equal(18);
    const [, store] = (await status()).services;
    expect(store).to.include({ state: 'not ready', reason: 'its migrations failed' });
    expect(store?.error?.at).to.equal(`${broken}:1`);
    fixture.copy.remove(broken);
    expect((await run('wait')).code).to.equal(0);
  });

  it('tells all that is known of what is ready', async () => {
    const { ports } = fixture;
    const { services, database, code, ...rest } = await status();
    const ages = services.map(({ age }) => age ?? -1);
    for (const age of ages) expect(age).to.be.within(0, 3600);
    const ready = { state: 'ready', reason: null, error: null, debugger: null, current: true };
    expect(services).to.deep.equal([
      { name: 'front', address: `http://localhost:${ports.front}`, age: ages[0], ...ready },
      { name: 'store', address: `http://localhost:${ports.store}`, age: ages[1], ...ready },
    ]);
    expect(database).to.deep.equal({ state: 'ready', address: `localhost:${ports.database}`, reason: null });
    const reason = `host mode runs, as process ${host.pid}`;
    expect(rest).to.deep.equal({ name: 'stand', mode: 'host', reason, ready: true });
    expect(code).to.equal(0);
  });

  it('shows the lines of a request through all services in their order', async () => {
    const headers = { 'x-request-id': REQUEST };
    expect((await send(`http://localhost:${fixture.ports.front}/items`, { headers })).status).to.equal(200);
    await eventually(RECORDED, async () => /front/.test((await run('logs', { REQUEST })).output));
    for (const id of [REQUEST, '1a2b3c4d']) {
      const { output, code } = await run('logs', { REQUEST: id });
      expect(output.trim().split('\n')).to.have.length(2);
      expect(output).to.match(/^store +\d\d:.* GET \/ 200 .*\nfront +\d\d:.* GET \/items 200 .*\n$/);
      expect(code).to.equal(0);
    }
    expect(await run('logs', { REQUEST: 'unknown' })).to.deep.equal({
      output: '',
      said: '✗ There is no such line\n',
      code: 1,
    });
  });

  it('follows the lines to come until Ctrl-C', async () => {
    const logs = start('logs', { FOLLOW: '1', REQUEST: 'followed' });
    let output = '';
    logs.stdout?.on('data', (data) => {
      output += data;
    });
    const headers = { 'x-request-id': 'followed' };
    await eventually('it is followed', async () => {
      await send(`http://localhost:${fixture.ports.front}/`, { headers });
      return / GET \/ 200 .* followed/.test(output);
    });
    logs.kill('SIGINT');
    expect(await once(logs, 'close')).to.deep.equal([null, 'SIGINT']);
  });

  it('tells the last error of a service with its place, and shows its lines from a level on', async () => {
    editFront(fixture.copy, (text) =>
      text.replace('app.use(notFound', "app.get('/fail', () => { throw new Error('no luck'); });\n  app.use(notFound"),
    );
    const line = fixture.copy
      .read('services/front/src/app.ts')
      .split('\n')
      .findIndex((one) => one.includes('no luck'));
    expect((await run('wait')).code).to.equal(0);
    expect((await ask(fixture.ports.front, '/fail')).status).to.equal(500);
    const [front] = await eventually(RECORDED, async () => {
      const { services } = await status();
      return services[0]?.error && services;
    });
    expect(front?.error?.text).to.contain('no luck');
    expect(front?.error?.at).to.equal(`services/front/src/app.ts:${line + 1}`);
    const { output } = await run('logs', { LEVEL: 'error', SINCE: '1h', SERVICE: 'front' });
    expect(output).to.contain('GET /fail 500').and.not.contain('INFO');
  });

  it('tells what keeps a service from starting, and ends make wait with it', async () => {
    editFront(fixture.copy, (text) => `this is no TypeScript\n${text}`);
    const { code, said } = await run('wait', { SERVICE: 'front' });
    expect(said).to.contain('✗ front does not start, src/app.ts:1\nsrc/app.ts:1: ');
    expect(code).to.equal(18);
    const { services } = await status();
    expect(services[0]).to.include({ state: 'does not start', reason: 'does not start, src/app.ts:1', current: true });
    expect(services[0]?.error?.at).to.equal('services/front/src/app.ts:1');
    editFront(fixture.copy, (text) => text.replace('this is no TypeScript\n', ''));
    expect((await run('wait')).code).to.equal(0);
  });

  it('knows that other sources run than those on disk', async () => {
    // nodemon has read its settings, and watches no more than they said.
    const settings = 'services/front/nodemon.json';
    const before = fixture.copy.read(settings);
    fixture.copy.write(settings, before.replace('"src"', '"src", "../store/src"'));
    const { services, code } = await status();
    expect(services.map(({ state, current }) => [state, current])).to.deep.equal([
      ['ready', false],
      ['ready', true],
    ]);
    expect(code).to.equal(1);
    const { said, code: waited } = await run('wait', { TIMEOUT: '1' });
    expect(said).to.contain('✗ Not ready after 1 s:\n  front: it runs, or has failed by, other sources');
    expect(waited).to.equal(17);
    fixture.copy.write(settings, before);
    expect((await run('wait')).code).to.equal(0);
  });

  it('has a row of tests run once the save is served, and end with what fails, and where', async () => {
    writeTest('');
    saveRoute(fixture.copy, 'tested');
    const passed = await ending(startRow());
    expect(passed.said).to.contain('✓ Ready, by the sources as they are: front, store');
    expect(passed.output).to.contain('✔ greets');
    expect(passed.code).to.equal(0);
    writeTest(`throw new Error('no voice');`);
    const failed = await ending(startRow());
    expect(failed.output).to.match(/1\) greets:\s+Error: no voice\s+at .*services\/front\/test\/front\.test\.ts:2:/);
    expect(failed.code).to.equal(1);
  });

  it('has a row of tests say what keeps the service from starting', async () => {
    editFront(fixture.copy, (text) => `this is no TypeScript\n${text}`);
    const { said, code, output } = await ending(startRow());
    expect(said).to.contain('✗ front does not start, src/app.ts:1\nsrc/app.ts:1: ');
    expect([code, output]).to.deep.equal([18, '']);
    editFront(fixture.copy, (text) => text.replace('this is no TypeScript\n', ''));
  });

  it('has one row of tests run at a time, and a newer save end them', async () => {
    writeTest(`console.log('begun');\n  this.timeout(0);\n  return new Promise(() => setInterval(() => {}, 1000));`);
    const first = startRow();
    const firstEnds = ending(first);
    let begun = false;
    first.stdout?.on('data', (data) => {
      begun ||= String(data).includes('begun');
    });
    await eventually('the tests run', () => begun);
    const second = startRow();
    const secondEnds = ending(second);
    let waits = false;
    second.stderr?.on('data', (data) => {
      waits ||= String(data).includes("… another row's tests run");
    });
    await eventually('the other row waits', () => waits);
    saveRoute(fixture.copy, 'newer');
    for (const { said, code } of await Promise.all([firstEnds, secondEnds])) {
      expect(said).to.contain('✗ Ended by a newer save');
      expect(code).to.equal(1);
    }
    writeTest('');
    expect((await ending(startRow())).code).to.equal(0);
  });

  it('gets some traffic by what its services are asked for', async () => {
    const { said, code } = await run('traffic');
    const { front, store } = fixture.ports;
    expect(said).to.match(new RegExp(`^http://localhost:${front}/: \\d+ × 200$`, 'm'));
    expect(said).to.match(new RegExp(`^http://localhost:${store}/: \\d+ × 200$`, 'm'));
    expect(code).to.equal(0);
  });

  it('opens the page of its first service', async () => {
    for (const name of ['open', 'xdg-open']) {
      fixture.copy.write(`bin/${name}`, '#!/bin/sh\necho "$1"\n');
      chmodSync(fixture.copy.at(`bin/${name}`), 0o755);
    }
    const { output } = await run('open', { PATH: `${fixture.copy.at('bin')}:${process.env.PATH}` });
    expect(output).to.equal(`http://localhost:${fixture.ports.front}\n`);
  });

  it('has left its lines when it has ended, and nothing else', async () => {
    await host.end('SIGINT');
    const { services, database, code } = await status();
    expect([...services, database].map(({ state }) => state)).to.deep.equal(Array(3).fill('not running'));
    expect(code).to.equal(1);
    expect((await run('wait')).code).to.equal(17);
    expect((await run('logs', { REQUEST })).output).to.contain('GET /items 200');
    const { output } = await run('logs');
    expect(output)
      .to.match(/^host mode {2}Starting PostgreSQL …$/m)
      .and.match(/^host mode {2}Stopping …/m);
  });
});
