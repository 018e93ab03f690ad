import { rmSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../setup/browser.ts';
import { eventually, get, kubectl, PAGE, podUid, run, succeeds, Tilt, whileEdited } from './stand.ts';

interface Products {
  products: { id: number; name: string; stock: number }[];
}
interface Orders {
  orders: { id: string }[];
}
interface Status {
  services: Record<string, string>;
}

describe('the stand, in the cluster', function () {
  this.bail(true);
  let tilt: Tilt | undefined;
  let browser: Browser;
  let page: Page;

  before(async () => {
    browser = await launchBrowser();
    page = await browser.newPage();
  });

  const sql = (query: string): string =>
    kubectl(
      'exec',
      'postgresql-0',
      '--',
      'psql',
      '--username=stand',
      '--no-align',
      '--tuples-only',
      '--command',
      query,
    );

  afterEach(function () {
    if (this.currentTest?.isFailed() && tilt) console.log(tilt.output.split('\n').slice(-60).join('\n'));
  });

  after(async () => {
    await browser?.close();
    await tilt?.stop();
  });

  it('leaves the cluster alone that is there', () => {
    const node = run('docker', 'inspect', '--format', '{{.Id}}', 'stand-control-plane');
    run('make', 'cluster');
    expect(run('docker', 'inspect', '--format', '{{.Id}}', 'stand-control-plane')).to.equal(node);
  });

  it('comes up healthy under tilt ci', () => {
    run('tilt', 'ci', '--context', 'kind-stand', '--timeout', '10m');
    expect(kubectl('get', 'deployments', '-o', 'jsonpath={.items[*].metadata.name}')).to.equal(
      'catalog gateway orders',
    );
  });

  it('passes helm test', () => {
    expect(run('helm', 'test', 'stand', '--namespace', 'stand', '--kube-context', 'kind-stand')).to.contain(
      'Succeeded',
    );
  });

  it('shows the products on the page', async () => {
    await page.goto(PAGE);
    await page.getByTestId('product').first().waitFor();
    expect(await page.getByTestId('product').count()).to.be.greaterThan(5);
  });

  it('takes an order from the page, and the stock goes down', async () => {
    const before = await get<Products>('/api/catalog/products?search=Enamel');
    await page.getByTestId('product').filter({ hasText: 'Enamel mug' }).getByTestId('add').click();
    await page.getByTestId('place-order').click();
    await page.getByTestId('order').first().waitFor();
    const after = await get<Products>('/api/catalog/products?search=Enamel');
    expect(after?.products[0]?.stock).to.equal((before?.products[0]?.stock ?? 0) - 1);
  });

  it('serves a save from the same pod', async () => {
    tilt = new Tilt();
    await eventually('tilt watches', () =>
      succeeds('tilt', 'wait', '--for=condition=Ready', 'uiresource/gateway', '--timeout=1s'),
    );
    const uid = podUid('gateway');
    const route = "= express();\n  app.get('/saved', (_req, res) => { res.json({ saved: true }); });";
    await whileEdited(
      'services/gateway/src/app.ts',
      (text) => text.replace('= express();', route),
      async () => {
        await eventually('the save is served', () => get('/saved'));
      },
    );
    await eventually(
      'the original is served again',
      async () => (await fetch(`${PAGE}/saved`).catch(() => undefined))?.status === 404,
    );
    expect(podUid('gateway')).to.equal(uid);
  });

  it('installs a changed lockfile in the running pods and restarts what runs there', async () => {
    const uid = podUid('catalog');
    await whileEdited(
      'package-lock.json',
      (text) => `${text}\n`,
      async () => {
        await eventually('npm ran in the pod', () => /added|up to date|changed/.test(tilt?.output ?? ''));
      },
    );
    await eventually('catalog is up', async () => (await get<Status>('/api/status'))?.services.catalog === 'up');
    expect(podUid('catalog')).to.equal(uid);
  });

  it('applies a new migration in the running pod', async () => {
    const uid = podUid('orders');
    const file = 'services/orders/migrations/9999_saved.sql';
    writeFileSync(file, "COMMENT ON TABLE orders IS 'saved';\n");
    try {
      await eventually(
        'the migration is applied',
        () => sql("SELECT obj_description('orders.orders'::regclass)") === 'saved',
      );
    } finally {
      // The row before the file: one that was applied may not be missing.
      sql("DELETE FROM orders.migrations WHERE name = '9999_saved'");
      rmSync(file);
    }
    expect(podUid('orders')).to.equal(uid);
  });

  it('redeploys only what a chart change touches', async () => {
    const uids = ['catalog', 'orders', 'postgresql'].map(podUid);
    const gateway = podUid('gateway');
    const louder = '  gateway:\n    logLevel: debug\n';
    await whileEdited(
      'helm/app/values-local.yaml',
      (text) => text.replace('  gateway:\n', louder),
      async () => {
        await eventually(
          'a new gateway',
          () => !['', gateway].includes(podUid('gateway')) && podUid('gateway').split(' ').length === 1,
        );
      },
    );
    expect(['catalog', 'orders', 'postgresql'].map(podUid)).to.deep.equal(uids);
  });

  it('switches a service off and on again, and its data is still there', async () => {
    const before = await eventually('orders answer', () => get<Orders>('/api/orders'));
    run('tilt', 'args', '--', 'gateway', 'catalog');
    await eventually('orders is off', async () => (await get<Status>('/api/status'))?.services.orders === 'off');
    await eventually(
      'all of its objects are gone',
      () => kubectl('get', 'all,serviceaccounts', '-l', 'app.kubernetes.io/name=orders', '-o', 'name') === '',
    );
    await page.reload();
    await page.locator('body[data-ordering=off]').waitFor();
    expect(await page.getByTestId('place-order').isVisible()).to.equal(false);

    run('tilt', 'args', '--clear');
    await eventually('orders is up', async () => (await get<Status>('/api/status'))?.services.orders === 'up');
    expect(await get<Orders>('/api/orders')).to.deep.equal(before);
  });

  it('keeps the data through make down and tilt ci', async () => {
    const before = await get<Orders>('/api/orders');
    await tilt?.stop();
    run('make', 'down');
    expect(kubectl('get', 'deployments', '-o', 'name')).to.equal('');
    run('tilt', 'ci', '--context', 'kind-stand', '--timeout', '10m');
    expect(await eventually('orders answer', () => get<Orders>('/api/orders'))).to.deep.equal(before);
  });
});
