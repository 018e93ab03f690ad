import { expect } from 'chai';
import { readNames } from '../../scripts/facts/names.ts';
import { CHART } from '../../scripts/facts/values.ts';
import { killing, ROLLBACK, replacements } from '../../scripts/measure/disruptions.ts';
import { type Load, send, underLoad } from '../../scripts/measure/load.ts';
import { Trial } from '../../scripts/measure/trial.ts';
import { getJson } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { complaints, inFixture, packageOnce, pods, VERSION } from './setup.ts';

const NAMESPACE = 'upgrades';
const REPLICAS = 10;

const { release } = readNames();

describe('the stand in production, under load', () => {
  let trial: Trial;

  inFixture();
  before(async () => {
    await packageOnce();
    trial = await Trial.begin(NAMESPACE, VERSION);
  });
  afterEach(async function () {
    if (this.currentTest?.isFailed()) console.log(await complaints(trial));
  });
  after(() => trial?.end());

  it('applies each migration once when ten replicas start at once', async () => {
    await trial.install(`services.store.replicas=${REPLICAS}`);
    const replicas = await trial.pods('store');
    expect(replicas).to.have.lengthOf(REPLICAS);
    const logs = await Promise.all(replicas.map((pod) => trial.kubectl('logs', pod, '--container', 'migrate')));
    expect(logs.join('\n').match(/"migration":"\w+"/g)).to.deep.equal(['"migration":"0001_store"']);
    await trial.upgrade('services.store.replicas=2');
  });

  for (const { name, run } of [...replacements('front'), ...replacements('store'), ROLLBACK]) {
    it(`loses no request: ${name}`, async () => {
      expectNoLoss(await underLoad([frontPage, itemsThroughFront, itemsOfStore], () => run(trial)));
    });
  }

  it('loses no request through front when a replica of store is killed', async () => {
    expectNoLoss(await underLoad([frontPage, itemsThroughFront], () => killing('store').run(trial)));
  });

  it('keeps the old version serving when a migration fails, and says which file', async () => {
    const before = await trial.pods('store');
    const files = ['0001_store.sql=select 1', '0002_broken.sql=select nothing'];
    await trial.kubectl('create', 'configmap', 'broken', ...files.map((file) => `--from-literal=${file}`));
    const load = await underLoad([itemsThroughFront, itemsOfStore], async () => {
      await upgradeWithMigrations('broken');
      await eventually('the migration fails', async () =>
        /migration of store failed: .*0002_broken/.test(await failedMigration()),
      );
    });
    expectNoLoss(load);
    expect(await trial.pods('store')).to.include.members(before);
    await trial.helm('rollback', release, '--wait');
    expect(await trial.pods('store')).to.have.members(before);
  });

  it('switches services off and on again, the data still there', async () => {
    await send(trial.url('store'), { name: 'kept' });
    await trial.upgrade('services.front.enabled=false', 'services.store.enabled=false');
    const objects = ['get', 'all', '--selector', 'app.kubernetes.io/name in (front,store)', '--output', 'name'];
    await eventually('all of their objects are gone', async () => (await trial.kubectl(...objects)) === '');

    await trial.upgrade('services.front.enabled=true', 'services.store.enabled=true');
    const answer = await eventually('front answers', () => getJson(`${trial.url('front')}/items`));
    expect(answer).to.deep.equal({ items: [{ id: 1, name: 'kept' }] });
  });

  it('lets nobody in from outside who is not named, and callers all the same', async () => {
    const nobody = '--set-json=services.store.networkPolicy.extraIngress=[]';
    await trial.helm('upgrade', release, CHART, '--reuse-values', nobody, '--wait');
    await eventually('store is out of reach', async () => !(await getJson(trial.url('store'))));
    expect(await getJson(`${trial.url('front')}/items`)).to.have.property('items');
  });

  const frontPage = () => send(trial.url('front'));
  const itemsThroughFront = () => send(`${trial.url('front')}/items`);
  const itemsOfStore = () => send(trial.url('store'));

  /** Lays a ConfigMap's files over the image's migrations. */
  function upgradeWithMigrations(configMap: string): Promise<string> {
    const store = {
      extraVolumes: [{ name: 'migrations', configMap: { name: configMap } }],
      extraVolumeMounts: [{ name: 'migrations', mountPath: '/app/services/store/migrations' }],
    };
    return trial.helm(
      'upgrade',
      release,
      CHART,
      '--reuse-values',
      '--set-json',
      `services.store=${JSON.stringify(store)}`,
    );
  }

  /** What the init containers of the pods that wait have said last. */
  async function failedMigration(): Promise<string> {
    const [pod] = await pods('store', NAMESPACE, 'Pending');
    return pod ? trial.kubectl('logs', pod, '--container', 'migrate').catch(() => '') : '';
  }
});

function expectNoLoss({ sent, failures }: Load): void {
  expect(failures).to.deep.equal([]);
  expect(sent).to.be.greaterThan(100);
}
