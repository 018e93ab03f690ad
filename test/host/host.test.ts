import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { parseAllDocuments } from 'yaml';
import { environmentOf, loadValues } from '../../scripts/stand/values.ts';
import { eventually, get, PAGE, succeeds, whileEdited } from '../e2e/stand.ts';
import { browserPath, launchBrowser } from '../setup/browser.ts';

const PORTS = [8080, 8081, 8082, 15432];

/** `make dev MODE=host`, as a person runs it. */
class Host {
  output = '';
  readonly process: ChildProcess;
  readonly #ended: Promise<number | null>;

  constructor(dataDir: string, services = '') {
    const env = { ...process.env, MODE: 'host', ENV: 'local', SERVICES: services, STAND_STATE: dataDir };
    this.process = spawn('scripts/make/dev.sh', { env, detached: true });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on('data', (data) => (this.output += data));
    this.#ended = new Promise((done) => this.process.once('exit', done));
  }

  async ready(): Promise<this> {
    await eventually('host mode is ready', () => {
      if (this.process.exitCode !== null) throw new Error(`host mode ended: ${this.output}`);
      return this.output.includes('Ready');
    });
    return this;
  }

  /** Its exit code, after a signal as from a terminal where one is given. */
  async end(signal?: NodeJS.Signals): Promise<number | null> {
    if (signal && this.process.exitCode === null) this.process.kill(signal);
    return this.#ended;
  }
}

describe('host mode', function () {
  this.timeout(60_000);
  this.bail(true);
  const dataDir = mkdtempSync(join(tmpdir(), 'host-'));
  let host: Host;
  let browser: Browser;
  let page: Page;

  before(async function () {
    const taken = (await Promise.all(PORTS.map(isTaken))).some(Boolean);
    const missing = taken ? 'a free port 8080 (the stand runs already)' : browserPath() ? '' : 'chromium';
    if (missing) {
      console.log(`    skipped: ${missing} missing`);
      this.skip();
    }
    browser = await launchBrowser();
    page = await browser.newPage();
    host = await new Host(dataDir).ready();
  });

  after(async () => {
    await browser?.close();
    await host?.end('SIGINT');
    rmSync(dataDir, { recursive: true });
  });

  it('shows the shop and takes an order', async () => {
    await page.goto(PAGE);
    await page.getByTestId('product').filter({ hasText: 'Enamel mug' }).getByTestId('add').click();
    await page.getByTestId('place-order').click();
    await page.getByTestId('order').filter({ hasText: 'Enamel mug' }).waitFor();
  });

  it('serves a save', async () => {
    const route = "= express();\n  app.get('/saved', (_req, res) => { res.json({ saved: true }); });";
    await whileEdited(
      'services/gateway/src/app.ts',
      (text) => text.replace('= express();', route),
      async () => {
        await eventually('the save is served', () => get('/saved'));
      },
    );
    await eventually('the original is served again', () => get('/api/status'));
  });

  it('refuses to run twice', async () => {
    const second = new Host(dataDir);
    expect(await second.end()).to.equal(1);
    expect(second.output).to.contain('Host mode runs already');
  });

  it('stops whole at Ctrl-C', async () => {
    expect(await host.end('SIGINT')).to.equal(0);
    expect(await Promise.all(PORTS.map(isTaken))).to.deep.equal([false, false, false, false]);
  });

  it('says which port is taken before it starts anything', async () => {
    const other = await listen(8082);
    const refused = new Host(dataDir);
    expect(await refused.end()).to.equal(1);
    expect(refused.output).to.contain('Port 8082 is taken').and.not.contain('PostgreSQL');
    other.close();
  });

  it('leaves out what SERVICES leaves out, and the page says so', async () => {
    host = await new Host(dataDir, 'gateway catalog').ready();
    await page.goto(PAGE);
    await page.locator('body[data-ordering=off]').waitFor();
    expect(await isTaken(8082)).to.equal(false);
  });

  it('starts again after a kill -9, with its data', async () => {
    host.process.kill('SIGKILL');
    await host.end();
    host = await new Host(dataDir).ready();
    const answer = await get<{ orders: unknown[] }>('/api/orders');
    expect(answer?.orders).to.have.length(1);
  });

  it('ends at once at the second Ctrl-C', async () => {
    host.process.kill('SIGINT');
    await eventually('it says that it stops', () => host.output.includes('Stopping'));
    expect(await host.end('SIGINT')).to.be.oneOf([0, 130]);
    host = await new Host(dataDir).ready();
  });
});

describe('the variables of a service', () => {
  it('have the same names in host mode as in the chart', function () {
    if (!succeeds('which', 'helm')) {
      console.log('    skipped: helm missing');
      this.skip();
    }
    const chart = execFileSync('helm', ['template', 'stand', 'helm/app', '--values', 'helm/app/values-local.yaml'], {
      encoding: 'utf8',
    });
    const objects = parseAllDocuments(chart).map((document) => document.toJS());
    const values = loadValues('local');
    for (const name of Object.keys(values.services)) {
      const deployment = objects.find((object) => object?.kind === 'Deployment' && object.metadata.name === name);
      const names = deployment.spec.template.spec.containers[0].env.map((variable: { name: string }) => variable.name);
      expect(names, name).to.have.members(Object.keys(environmentOf(name, values, 5432)));
    }
  });

  it('are refused, with both names, when a needed service is off', () => {
    expect(() => loadValues('local', ['gateway'])).to.throw('services.gateway needs catalog, which is disabled');
  });
});

async function isTaken(port: number): Promise<boolean> {
  const server = await listen(port).catch(() => undefined);
  await new Promise((done) => (server ? server.close(done) : done(undefined)));
  return !server;
}

function listen(port: number): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer().on('error', fail);
    server.listen(port, '127.0.0.1', () => done(server));
  });
}
