import { expect } from 'chai';
import {
  createProduct,
  DISRUPTIONS,
  helm,
  install,
  kubectl,
  NAMESPACE,
  SHOP,
  send,
  shopUnderLoad,
  upgrade,
} from '../../scripts/measure/upgrades.ts';
import { createNamespace, deleteNamespace, eventually, get, packageOnce, pods, VERSION } from './stand.ts';

const REPLICAS = 10;

describe('the shop in production, under load', () => {
  let productId: number;

  before(() => {
    packageOnce();
    createNamespace(NAMESPACE);
  });
  afterEach(async function () {
    if (!this.currentTest?.isFailed()) return;
    console.log(await kubectl('get', 'pods'));
    const services = 'app.kubernetes.io/name in (gateway,catalog,orders)';
    const logs = await kubectl('logs', '-l', services, '--prefix', '--tail=200', '--max-log-requests=20');
    console.log(
      logs
        .split('\n')
        .filter((line) => /"level":"(warn|error|fatal)"/.test(line))
        .slice(-40)
        .join('\n'),
    );
  });
  after(() => deleteNamespace(NAMESPACE));

  it('applies each migration once when ten replicas start at once', async () => {
    await install(VERSION, `services.orders.replicas=${REPLICAS}`);
    const replicas = pods('orders', NAMESPACE);
    expect(replicas).to.have.lengthOf(REPLICAS);
    const logs = await Promise.all(replicas.map((pod) => kubectl('logs', pod, '-c', 'migrate')));
    expect(logs.join('\n').match(/"migration":"\w+"/g)).to.deep.equal(['"migration":"0001_orders"']);
    await upgrade('services.orders.replicas=2');
    productId = await createProduct();
  });

  for (const [name, disruption] of DISRUPTIONS) {
    it(`loses no request: ${name}`, async () => {
      const { sent, failures } = await shopUnderLoad(productId, disruption);
      expect(failures).to.deep.equal([]);
      expect(sent).to.be.greaterThan(100);
    });
  }

  it('keeps every acknowledged order when PostgreSQL is killed, and recovers by itself', async () => {
    const { orders } = await shopUnderLoad(productId, async () => {
      await kubectl('delete', 'pod', 'postgresql-0', '--force', '--grace-period=0');
      await kubectl('rollout', 'status', 'statefulset/postgresql', '--timeout=120s');
      await answersAgain();
    });
    expect(orders).to.have.length.greaterThan(10);
    for (const id of orders)
      expect(JSON.parse(await send(`${SHOP}/api/orders/${id}`))).to.include({ status: 'confirmed' });
  });

  it('keeps the old version serving when a migration fails, and says which file', async () => {
    const before = pods('orders', NAMESPACE);
    await kubectl(
      'create',
      'configmap',
      'broken',
      '--from-literal=0001_orders.sql=select 1',
      '--from-literal=0002_broken.sql=select nothing',
    );
    const { failures } = await shopUnderLoad(productId, async () => {
      await upgradeWithMigrations('broken');
      await eventually('the migration fails', async () =>
        /migration 0002_broken of orders failed/.test(await failedMigration()),
      );
    });
    expect(failures).to.deep.equal([]);
    expect(pods('orders', NAMESPACE)).to.include.members(before);
    await helm('rollback', 'stand', '--wait');
    expect(pods('orders', NAMESPACE)).to.have.members(before);
  });

  it('switches orders off and on again, its data still there', async () => {
    const before = await eventually('orders answers', () => get('/api/orders', SHOP));
    await upgrade('services.orders.enabled=false');
    await eventually(
      'all of its objects are gone',
      async () => (await kubectl('get', 'all', '-l', 'app.kubernetes.io/name=orders', '-o', 'name')) === '',
    );
    const status = await eventually('gateway answers', () => get('/api/status', SHOP));
    expect(status).to.deep.include({ services: { catalog: 'up', orders: 'off' } });
    await upgrade('services.orders.enabled=true');
    expect(await eventually('orders answers', () => get('/api/orders', SHOP))).to.deep.equal(before);
  });

  const answersAgain = (): Promise<boolean> =>
    eventually('the shop answers', async () => !!(await get('/api/orders', SHOP)));

  /** Lays a ConfigMap's files over the image's migrations. */
  const upgradeWithMigrations = (configMap: string): Promise<string> =>
    helm(
      'upgrade',
      'stand',
      'helm/app',
      '--reuse-values',
      '--set-json',
      `services.orders.extraVolumes=[{"name":"migrations","configMap":{"name":"${configMap}"}}]`,
      '--set-json',
      'services.orders.extraVolumeMounts=[{"name":"migrations","mountPath":"/app/services/orders/migrations"}]',
    );

  /** What the init containers of the pods that wait have said last. */
  async function failedMigration(): Promise<string> {
    const [pod] = pods('orders', NAMESPACE, 'Pending');
    return pod ? kubectl('logs', pod, '-c', 'migrate').catch(() => '') : '';
  }
});
