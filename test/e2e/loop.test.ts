import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { expect } from 'chai';
import { helm, kubectl } from '../../scripts/cluster/commands.ts';
import { readNames } from '../../scripts/facts/names.ts';
import { loadDefaults, loadValues } from '../../scripts/facts/values.ts';
import { ask, capture } from '../../scripts/machine/command.ts';
import { send } from '../../scripts/measure/load.ts';
import type { ServiceStatus } from '../../scripts/status/status.ts';
import { launchBrowser } from '../setup/browser.ts';
import { compareEdges } from '../setup/edges.ts';
import { whileEdited } from '../setup/files.ts';
import { getJson } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { FRONT, inFixture, items, podUid, STORE, Tilt, tiltCi } from './setup.ts';

/** The images of all services are built anew when the lockfile changes. */
const BUILDS_MS = 600_000;
/**
 * CoreDNS goes on naming the addresses of Services that are gone for so long, to new pods as well. What is sent there
 * leaves the cluster, and whoever answers outside keeps front's connection.
 */
const DNS_MS = 30_000;
/** A source that all services load. */
const CHASSIS = 'services/chassis/src/health.ts';
const SAVES = 20;
const REQUESTS = 500;

const { namespace, node, release } = readNames();

describe('the stand, in the cluster', function () {
  this.bail(true);
  let tilt: Tilt | undefined;

  inFixture();
  afterEach(async function () {
    if (!this.currentTest?.isFailed()) return;
    if (tilt) console.log(tilt.output.split('\n').slice(-60).join('\n'));
    for (const what of ['pods', 'events']) console.log(await inStand('get', what).catch(String));
    console.log((await ask('make', '--silent', 'status')).stdout);
  });
  after(() => tilt?.stop());

  /** The row of each line that holds a text. */
  const rowsTelling = (text: string): (string | undefined)[] =>
    stripVTControlCharacters(tilt?.output ?? '')
      .split('\n')
      .filter((line) => line.includes(text))
      .map((line) => line.split('│')[0]?.trim());

  it('leaves the cluster alone that is there', async () => {
    const id = () => capture('docker', ['inspect', '--format', '{{.Id}}', node]);
    const before = await id();
    await capture('make', ['cluster']);
    expect(await id()).to.equal(before);
  });

  it('comes up healthy under tilt ci', async () => {
    await tiltCi();
    expect(await inStand('get', 'deployments', '--output', 'jsonpath={.items[*].metadata.name}')).to.equal(
      'front store',
    );
  });

  it('passes helm test', async () => {
    expect(await helm(namespace, ['test', release])).to.contain('Succeeded');
  });

  it('serves the page, and what is kept', async () => {
    expect((await send(FRONT)).text).to.contain('<h1>Front</h1>');
    expect((await send(STORE, { name: 'kept' })).status).to.equal(201);
    expect(await items()).to.include('kept');
  });

  it('serves a save from the same pod', async () => {
    tilt = new Tilt();
    await eventually('tilt watches', () => isReady('front'));
    const uid = await podUid('front');
    const route = "= express();\n  app.get('/saved', (_req, res) => { res.json({ saved: true }); });";
    await whileEdited(
      'services/front/src/app.ts',
      (text) => text.replace('= express();', route),
      async () => {
        await eventually('the save is served', () => getJson(`${FRONT}/saved`));
      },
    );
    const gone = async () => (await fetch(`${FRONT}/saved`).catch(() => undefined))?.status === 404;
    await eventually('the original is served again', gone);
    expect(await podUid('front')).to.equal(uid);
  });

  it('tells each line in one row', async () => {
    await fetch(`${FRONT}/items`, { headers: { 'x-request-id': 'told-once' } });
    await eventually('both services have told it', () => rowsTelling('told-once').length > 1);
    expect(rowsTelling('told-once')).to.have.members(['front', 'store']);
  });

  it('shows in its row why a save does not start, until the next good one', async () => {
    const place = /src\/app\.ts:\d+/;
    await whileEdited(
      'services/store/src/app.ts',
      (text) => text.replace('= express();', '= ;'),
      async () => {
        await eventually('its row is red', async () => (await updateStatusOf('store')) === 'error');
        const { reason } = (await (await fetch(`${STORE}/readyz`)).json()) as { reason: string };
        expect(reason).to.match(/^does not start, src\/app\.ts:\d+$/);
        expect(await (await fetch(`${FRONT}/items`)).json()).to.include({ status: 503, detail: `store ${reason}` });
        expect(rowsTelling(`${place.exec(reason)}: Expression expected`)).to.deep.equal(['store']);
        expect(await isReady('front')).to.equal(true);
        // A save that starts store no more than before.
        await whileEdited(
          CHASSIS,
          (text) => `${text}// saved\n`,
          async () => {
            await capture('make', ['wait', 'SERVICE=front']);
          },
        );
        await capture('make', ['wait', 'SERVICE=front']);
        await eventually('its row is red again', async () => (await updateStatusOf('store')) === 'error');
      },
    );
    await eventually('its row is green', async () => (await updateStatusOf('store')) === 'ok');
    expect(await items()).to.include('kept');
  });

  it('shows in the row of each service that a save in the chassis does not start, until the next good one', async () => {
    const areAll = (status: string) => async () => (await statuses()).every((one) => one === status);
    const statuses = () => Promise.all(['front', 'store'].map(updateStatusOf));
    await whileEdited(
      CHASSIS,
      (text) => `${text}const = 1;\n`,
      async () => {
        await eventually('their rows are red', areAll('error'));
        expect(rowsTelling('src/health.ts:')).to.include.members(['front', 'store']);
      },
    );
    await eventually('their rows are green', areAll('ok'));
    expect(await items()).to.include('kept');
  });

  it(`fails none of ${REQUESTS} requests of a page while each service is saved ${SAVES} times`, async () => {
    const browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(FRONT);
    const asking = page.evaluate(askUntilStopped);
    try {
      for (const service of ['front', 'store'])
        await whileEdited(appOf(service), unchanged, async () => {
          for (let count = 0; count < SAVES; count++) {
            save(service);
            await capture('make', ['wait', `SERVICE=${service}`]);
          }
        });
      await eventually('the page has asked often enough', () => page.evaluate(`asking.sent >= ${REQUESTS}`));
      await page.evaluate('asking.stopped = true');
      expect(await asking).to.deep.equal([]);
    } finally {
      await browser.close();
    }
  });

  it(`serves ${SAVES} of ${SAVES} saves to the first request after make wait`, async () => {
    const file = 'services/front/src/app.ts';
    const source = readFileSync(file, 'utf8');
    const wanted = Array.from({ length: SAVES }, (_, save) => ({ save }));
    const served: unknown[] = [];
    await whileEdited(file, unchanged, async () => {
      for (const answer of wanted) {
        const route = `= express();\n  app.get('/saved', (_req, res) => { res.json(${JSON.stringify(answer)}); });`;
        writeFileSync(file, source.replace('= express();', route));
        await capture('make', ['wait', 'SERVICE=front']);
        served.push(await getJson(`${FRONT}/saved`));
      }
    });
    expect(served).to.deep.equal(wanted);
    await capture('make', ['wait']);
  });

  it('tells its state by make status', async () => {
    const { mode, ready, services, database } = JSON.parse(await capture('make', ['--silent', 'status', 'JSON=1']));
    expect({ mode, ready, database: database.state }).to.deep.equal({
      mode: 'cluster',
      ready: true,
      database: 'ready',
    });
    const states = services.map(({ name, state, current }: ServiceStatus) => [name, state, current]);
    expect(states).to.have.deep.members([
      ['front', 'ready', true],
      ['store', 'ready', true],
    ]);
  });

  it('shows the lines of a request through all services by make logs', async () => {
    await fetch(`${FRONT}/items`, { headers: { 'x-request-id': 'followed' } });
    const output = await eventually('front has said it', async () => {
      const { stdout } = await ask('make', '--silent', 'logs', 'REQUEST=followed');
      return stdout.includes('GET /items') && stdout;
    });
    expect(output).to.match(/^store .* GET \/ 200 .*\nfront .* GET \/items 200 .*\n$/);
  });

  it('breaks what a running pod calls by make fault, until that is cleared', async () => {
    const pod = await podUid('front');
    await capture('make', ['fault', 'FROM=front', 'TO=store', 'ANSWER=503']);
    expect(await ask('make', '--silent', 'fault')).to.include({ stdout: 'FROM=front TO=store ANSWER=503\n' });
    expect((await fetch(`${FRONT}/items`)).status).to.equal(503);
    await capture('make', ['fault', 'CLEAR=1']);
    expect((await fetch(`${FRONT}/items`)).status).to.equal(200);
    await capture('make', ['fault', 'FROM=store', 'TO=postgresql', 'REFUSE=1']);
    expect((await fetch(`${FRONT}/items`)).status).to.equal(503);
    await capture('make', ['fault', 'CLEAR=1']);
    expect((await fetch(`${FRONT}/items`)).status).to.equal(200);
    expect(await podUid('front')).to.equal(pod);
  });

  it('installs a changed lockfile in the running pods and restarts what runs there', async () => {
    const uid = await podUid('store');
    await whileEdited(
      'package-lock.json',
      (text) => `${text}\n`,
      async () => {
        await eventually('npm ran in the pod', () => /added|up to date|changed/.test(tilt?.output ?? ''));
      },
    );
    await items();
    expect(await podUid('store')).to.equal(uid);
  });

  it('applies a new migration in the running pod, for which make wait waits', async () => {
    const uid = await podUid('store');
    const file = 'services/store/migrations/9999_saved.sql';
    writeFileSync(file, "COMMENT ON TABLE store.items IS 'saved';\n");
    try {
      await capture('make', ['wait', 'SERVICE=store']);
      expect(await sql("SELECT obj_description('store.items'::regclass)")).to.equal('saved');
    } finally {
      // The row before the file: one that was applied may not be missing.
      await sql("DELETE FROM store.migrations WHERE name = '9999_saved'");
      rmSync(file);
    }
    expect(await podUid('store')).to.equal(uid);
  });

  it('redeploys only what a chart change touches, also with a save at once, as when git changes both', async () => {
    const others = () => Promise.all(['store', 'postgresql'].map(podUid));
    const before = await others();
    const front = await podUid('front');
    const louder = '  front:\n    logLevel: debug\n';
    await whileEdited(
      'helm/app/values-local.yaml',
      (text) => text.replace('  front:\n', louder),
      async () => {
        save('front');
        await eventually('a new front', async () => {
          const uid = await podUid('front');
          return !['', front].includes(uid) && !uid.includes(' ');
        });
      },
    );
    expect(await others()).to.deep.equal(before);
    // What changes while Tilt deploys makes it end that, and deploy no more.
    const level = ['get', 'deployment', 'front', '--output', "jsonpath={..env[?(@.name=='LOG_LEVEL')].value}"];
    await eventually('front is as before', async () => (await inStand(...level)) !== 'debug');
    await eventually('the release is green', () => isReady('release'));
  });

  it('switches a service off and on again beside one that keeps running', async () => {
    const uid = await podUid('store');
    await capture('tilt', ['args', '--', 'store']);
    await eventually('all of its objects are gone', async () => (await objectsOf('front')) === '');

    await capture('tilt', ['args', '--clear']);
    await items();
    await eventually('its row is green', () => isReady('front'));
    expect(await podUid('store')).to.equal(uid);
  });

  for (const settings of [[], ['DATABASE=1']])
    it(`takes up and lets go ${['a new service', ...settings].join(' with ')}; no pod and no row fails`, async () => {
      await capture('make', ['new-service', 'NAME=payments', ...settings]);
      await eventually('its row is green', () => isReady('payments'), BUILDS_MS);
      expect(await faultsOf('payments')).to.equal('');

      await capture('make', ['remove-service', 'NAME=payments', 'YES=1']);
      await eventually('all of its objects are gone', async () => (await objectsOf('payments')) === '', BUILDS_MS);
      await eventually('the release is green', () => isReady('release'));
      expect(await faultsOf('release')).to.equal('');
      expect(await inStand('get', 'events', '--field-selector=reason=Failed', '--output', 'name')).to.equal('');
    });

  it('keeps the data through make down and tilt ci', async () => {
    // The services install anew after the test before, whose lockfile has changed.
    const before = await items();
    await tilt?.stop();
    await capture('make', ['down']);
    expect(await inStand('get', 'deployments', '--output', 'name')).to.equal('');
    await sleep(DNS_MS);
    await tiltCi();
    expect(await items()).to.deep.equal(before);
  });

  it('is emptied and seeded anew by make db-reset', async () => {
    await capture('make', ['db-reset', 'YES=1']);
    expect(await items())
      .to.include('first')
      .and.not.include('kept');
  });

  it('is saved and loaded below running pods, and asked by make psql', async () => {
    const names = 'copy (select name from store.items order by id) to stdout';
    const psql = (statement: string): Promise<string> => capture('make', ['psql'], statement);
    const pods = await podUid('store');
    const saved = await psql(names);
    await capture('make', ['db-save', 'NAME=e2e', 'YES=1']);
    await psql('delete from store.items');
    await capture('make', ['db-load', 'NAME=e2e', 'YES=1']);
    expect(await psql(names)).to.equal(saved);
    await capture('make', ['db-drop', 'NAME=e2e', 'YES=1']);
    expect(await items()).to.include('first');
    expect(await podUid('store')).to.equal(pods);
  });

  it('calls what is declared in needs and uses, and nothing else', async () => {
    // The pods may be new ones, whose counts begin with this.
    await items();
    const read = async (url: string): Promise<string[]> => [(await send(`${url}/metrics`)).text];
    const called = { front: await read(FRONT), store: await read(STORE) };
    expect(compareEdges(loadDefaults().services, called)).to.deep.equal([]);
  });
});

const appOf = (service: string): string => `services/${service}/src/app.ts`;
const unchanged = (text: string): string => text;

/** Changes what a service's process is started from, and nothing that it does. */
const save = (service: string): void => appendFileSync(appOf(service), '// saved\n');

/** In a page: asks, one request after the other and four at once, until `asking.stopped`; returns what went wrong. */
async function askUntilStopped(): Promise<string[]> {
  const state = { sent: 0, stopped: false };
  Object.assign(globalThis, { asking: state });
  const faults: string[] = [];
  const ask = async (): Promise<void> => {
    while (!state.stopped) {
      state.sent++;
      await fetch('/items').then(
        ({ status }) => status !== 200 && faults.push(String(status)),
        (error) => faults.push(String(error)),
      );
    }
  };
  await Promise.all([ask(), ask(), ask(), ask()]);
  return faults;
}

const inStand = (...args: string[]): Promise<string> => kubectl(namespace, args);

const objectsOf = (service: string): Promise<string> =>
  inStand('get', 'all,serviceaccounts', '--selector', `app.kubernetes.io/name=${service}`, '--output', 'name');

/** Whether Tilt shows a row in green. */
const isReady = async (row: string): Promise<boolean> =>
  (await ask('tilt', 'wait', '--for=condition=Ready', `uiresource/${row}`, '--timeout=1s')).ok;

/** How a row's last build or save went: ok, error and others. */
const updateStatusOf = (row: string): Promise<string> =>
  capture('tilt', ['get', 'uiresource', row, '--output', 'jsonpath={.status.updateStatus}']);

/** What went wrong in a row, also when it is green again. */
const faultsOf = (row: string): Promise<string> =>
  capture('tilt', ['get', 'uiresource', row, '--output', 'jsonpath={.status.buildHistory[*].error}']);

function sql(query: string): Promise<string> {
  const { username, database } = loadValues('local').postgresql.auth;
  const psql = ['psql', `--username=${username}`, `--dbname=${database}`, '--no-align', '--tuples-only'];
  return inStand('exec', 'postgresql-0', '--', ...psql, '--command', query);
}
