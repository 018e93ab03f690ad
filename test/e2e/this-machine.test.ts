import { appendFileSync } from 'node:fs';
import { expect } from 'chai';
import { kubectl } from '../../scripts/cluster/commands.ts';
import { readNames } from '../../scripts/facts/names.ts';
import { capture } from '../../scripts/machine/command.ts';
import { send } from '../../scripts/measure/load.ts';
import type { ServiceStatus, Status } from '../../scripts/status/status.ts';
import { whileEdited } from '../setup/files.ts';
import { getJson } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { FRONT, inFixture, items, podUid, STORE, Tilt, tiltCi } from './setup.ts';

const { namespace } = readNames();

describe('a service of the cluster that runs on this machine', function () {
  this.bail(true);
  let tilt: Tilt | undefined;
  let front: string;

  inFixture();
  before(async () => {
    // Nobody asks front before store is there: see DNS_MS in loop.test.ts.
    await tiltCi();
    tilt = new Tilt();
    await items();
    await send(STORE, { name: 'made in a pod' });
    front = await podUid('front');
  });
  afterEach(function () {
    if (this.currentTest?.isFailed()) console.log(tilt?.output.split('\n').slice(-60).join('\n'));
  });
  after(() => tilt?.stop());

  const deployments = (): Promise<string> =>
    kubectl(namespace, ['get', 'deployments', '--output', 'jsonpath={.items[*].metadata.name}']);
  const status = async (): Promise<Status> => JSON.parse(await capture('make', ['--silent', 'status', 'JSON=1']));
  const storeStatus = async (): Promise<ServiceStatus | undefined> =>
    (await status()).services.find(({ name }) => name === 'store');

  it('takes the place of its pod for all that call it, with its data and a debugger', async () => {
    await capture('tilt', ['args', '--', '--local=store']);
    await eventually('its pod is gone', async () => (await podUid('store')) === '');
    expect(await deployments()).to.equal('front');
    // Nobody asks front before the cluster leads to it: see DNS_MS in loop.test.ts.
    await eventually('store answers', () => getJson(STORE));
    expect(await items()).to.include('made in a pod');
    expect(await storeStatus()).to.include({ state: 'ready', current: true, debugger: 9230 });
    expect((await status()).reason).to.contain('with store on this machine');
    expect((await send(STORE, { name: 'made on this machine' })).status).to.equal(201);
  });

  it('serves a save, and tells its lines to make logs', async () => {
    const app = 'services/store/src/app.ts';
    await whileEdited(
      app,
      (text) => text,
      async () => {
        appendFileSync(app, '// saved\n');
        await capture('make', ['wait', 'SERVICE=store']);
      },
    );
    await capture('make', ['wait', 'SERVICE=store']);
    await fetch(`${FRONT}/items`, { headers: { 'x-request-id': 'through-both' } });
    await eventually('both have said it', async () => {
      const lines = await capture('make', ['--silent', 'logs', 'REQUEST=through-both']);
      return /^store .* GET \/ 200 /m.test(lines) && /^front .* GET \/items 200 /m.test(lines);
    });
  });

  it('goes back into a pod; no other pod was replaced, and no data is lost', async () => {
    await capture('tilt', ['args', '--clear']);
    await eventually('its pod is back', async () => (await podUid('store')) !== '');
    await capture('make', ['wait']);
    expect(await storeStatus()).to.include({ state: 'ready', debugger: null });
    expect(await items()).to.include.members(['made in a pod', 'made on this machine']);
    expect(await podUid('front')).to.equal(front);
  });
});
