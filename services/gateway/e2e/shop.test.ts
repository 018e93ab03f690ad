import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { loadDefaults, loadValues } from '../../../scripts/facts/values.ts';
import { type Disruption, killing, replacements } from '../../../scripts/measure/disruptions.ts';
import { type Load, send, underLoad } from '../../../scripts/measure/load.ts';
import { Trial } from '../../../scripts/measure/trial.ts';
import { complaints, packageOnce, VERSION } from '../../../test/e2e/setup.ts';
import { launchBrowser } from '../../../test/setup/browser.ts';
import { compareEdges } from '../../../test/setup/edges.ts';
import { getJson } from '../../../test/setup/http.ts';
import { needsServices } from '../../../test/setup/needs.ts';
import { explore, installSchemathesis } from '../../../test/setup/schemathesis.ts';
import { eventually } from '../../../test/setup/wait.ts';
import { SEARCHES, SORTED } from '../../catalog/test/letters.ts';
import { differences, tell } from '../test/contract.ts';
import { startShop } from '../test/shop.ts';

const PARTS = ['gateway', 'catalog', 'orders'];
/** How each part gets new pods, and the deaths of those that gateway can ask again. */
const SURVIVED: Disruption[] = [
  ...PARTS.flatMap((service) => replacements(service).slice(0, 1)),
  killing('catalog'),
  killing('orders'),
];

interface Product {
  id: number;
  name: string;
  stock: number;
}

interface Orders {
  orders: { id: string }[];
}

describe('the shop in production', function () {
  this.bail(true);
  let trial: Trial;
  let browser: Browser;
  let page: Page;
  let mug: Product;

  needsServices(...PARTS);
  before(async () => {
    await packageOnce();
    trial = await Trial.begin('shop', VERSION);
    await trial.install();
    mug = await createProduct('Enamel mug');
    await createProduct('Tea towel');
    browser = await launchBrowser();
    page = await browser.newPage();
  });
  afterEach(async function () {
    if (this.currentTest?.isFailed() && trial) console.log(await complaints(trial));
  });
  after(async () => {
    await browser?.close();
    await trial?.end();
  });

  it('shows the products on the page, and asks for nothing that its content policy forbids', async () => {
    const errors: string[] = [];
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(trial.url('gateway'));
    await page.getByTestId('product').first().waitFor();
    expect(errors).to.deep.equal([]);
    expect(await page.getByTestId('product').count()).to.equal(2);
  });

  it('takes an order from the page, and the stock goes down', async () => {
    await page.getByTestId('product').filter({ hasText: 'Enamel mug' }).getByTestId('add').click();
    await page.getByTestId('place-order').click();
    await page.getByTestId('order').first().waitFor();
    const after = await getJson<Product>(`${trial.url('catalog')}/products/${mug.id}`);
    expect(after?.stock).to.equal(mug.stock - 1);
  });

  // Before any pod is replaced: its counts begin anew.
  it('has called, for the page and its order, what is declared in needs and uses, and nothing else', async () => {
    const metrics = PARTS.map(async (service) => [service, await trial.metrics(service)] as const);
    const called = Object.fromEntries(await Promise.all(metrics));
    expect(compareEdges(loadDefaults().services, called)).to.deep.equal([]);
  });

  it('sorts and finds names as anywhere else', async () => {
    const find = async (search: string): Promise<string[]> => {
      const query = new URLSearchParams({ search });
      const found = await getJson<{ products: Product[] }>(`${trial.url('catalog')}/products?${query}`);
      return (found?.products ?? []).map(({ name }) => name);
    };
    const others = await find('');
    for (const name of SORTED) await createProduct(name);
    expect((await find('')).filter((name) => !others.includes(name))).to.deep.equal(SORTED);
    for (const [search, name] of SEARCHES) expect(await find(search), search).to.deep.equal([name]);
  });

  it('answers as on this machine', async () => {
    const local = await startShop();
    const here = await tell(local).finally(local.close);
    const production = { gateway: trial.url('gateway'), catalog: trial.url('catalog'), orders: trial.url('orders') };
    expect(differences(await tell(production), here)).to.equal('');
  });

  it('hides ordering where orders is off, and has the orders still when it is on again', async () => {
    const before = await latestOrders();
    await trial.upgrade('services.orders.enabled=false');
    await page.reload();
    await page.locator('body[data-ordering=off]').waitFor();
    expect(await page.getByTestId('place-order').isVisible()).to.equal(false);
    await trial.upgrade('services.orders.enabled=true');
    await trial.drained();
    expect(await eventually('orders answers', latestOrders)).to.deep.equal(before);
  });

  for (const { name, run } of SURVIVED) {
    it(`loses no order: ${name}`, async () => {
      const { sent, failures, orders } = await shopUnderLoad(() => run(trial));
      expect(failures).to.deep.equal([]);
      expect(sent).to.be.greaterThan(100);
      expect(orders).to.have.length.greaterThan(10);
    });
  }

  it('has all pieces in stock or in confirmed orders after pods were killed and recovery has settled', async () => {
    const before = await pieces();
    const { orders } = await shopUnderLoad(async () => {
      for (const service of ['orders', 'catalog', 'orders', 'catalog']) await killing(service).run(trial);
    }, impatient);
    const pending = `select count(*) from orders.orders where status = 'pending'`;
    await eventually('no order is pending', async () => (await sql(pending)) === '0');
    expect(await pieces()).to.equal(before);
    await areConfirmed(orders);
  });

  it('keeps every acknowledged order when PostgreSQL is killed, and recovers by itself', async () => {
    const { orders } = await shopUnderLoad(async () => {
      await trial.kubectl('delete', 'pod', 'postgresql-0', '--force', '--grace-period=0');
      await trial.kubectl('rollout', 'status', 'statefulset/postgresql', '--timeout=120s');
      await eventually('the shop answers', latestOrders);
    });
    await areConfirmed(orders);
  });

  it('takes orders into a database of their own', async () => {
    await sql("create role orders login password 'orders'", 'create database orders owner orders');
    const login = ['--from-literal=username=orders', '--from-literal=password=orders'];
    await trial.kubectl('create', 'secret', 'generic', 'orders-database', ...login);
    const database = { host: 'postgresql', name: 'orders', existingSecret: 'orders-database' };
    const settings = Object.entries(database).map(([key, value]) => `services.orders.database.${key}=${value}`);
    // PostgreSQL knows only those for whom it is the chart's own database.
    const peer = 'postgresql.networkPolicy.extraIngress[0].podSelector.matchLabels.app\\.kubernetes\\.io/name=orders';
    await trial.upgrade(...settings, 'externalDatabase.sslMode=disable', peer);

    await trial.drained();
    expect(await latestOrders()).to.deep.equal([]);
    const { id } = await order();
    expect(await latestOrders()).to.deep.equal([id]);
    const catalog = await getJson<Product>(`${trial.url('catalog')}/products/${mug.id}`);
    expect(catalog, 'the products are where they were').to.include({ id: mug.id });
  });

  it('answers whatever is sent as its documents say', async function () {
    const schemathesis = await installSchemathesis();
    if (!schemathesis) return this.skip();
    for (const part of PARTS) await explore(schemathesis, trial.url(part));
  });

  async function createProduct(name: string): Promise<Product> {
    // More than any run can sell.
    const product = { sku: randomUUID(), name, priceCents: 900, stock: 1_000_000 };
    return (await succeed(`${trial.url('catalog')}/products`, product)) as Product;
  }

  /** In stock and sold. */
  const pieces = (): Promise<string> =>
    sql(
      `select (select sum(stock) from catalog.products) + coalesce(sum((item->>'quantity')::integer), 0)
       from orders.orders, jsonb_array_elements(items) item where status = 'confirmed'`,
    );

  async function areConfirmed(orders: string[]): Promise<void> {
    expect(orders).to.have.length.greaterThan(10);
    for (const id of orders)
      expect(await getJson(`${trial.url('gateway')}/api/orders/${id}`)).to.include({ status: 'confirmed' });
  }

  /** An order without a key, which is sent once, whatever becomes of it. */
  const impatient = async (): Promise<unknown> =>
    send(`${trial.url('gateway')}/api/orders`, { items: [{ productId: mug.id, quantity: 1 }] });

  const order = async (): Promise<{ id: string }> => {
    const items = [{ productId: mug.id, quantity: 1 }];
    return (await succeed(`${trial.url('gateway')}/api/orders`, { items })) as { id: string };
  };

  /** Undefined while there is no answer. */
  const latestOrders = async (): Promise<string[] | undefined> =>
    (await getJson<Orders>(`${trial.url('gateway')}/api/orders`))?.orders.map(({ id }) => id);

  /** Reads and orders through gateway while `work` runs, and the ids of the orders that were acknowledged. */
  async function shopUnderLoad(
    work: () => Promise<unknown>,
    ...more: (() => Promise<unknown>)[]
  ): Promise<Load & { orders: string[] }> {
    const orders: string[] = [];
    const reads = ['/api/catalog/products', '/api/orders'].map((path) => () => succeed(trial.url('gateway') + path));
    const load = await underLoad([...reads, ...more, async () => orders.push((await order()).id)], work);
    return { ...load, orders };
  }

  /** Returns what they print, values only. */
  function sql(...statements: string[]): Promise<string> {
    const { username, database } = loadValues('prod').postgresql.auth;
    const psql = ['psql', '--no-align', '--tuples-only', `--username=${username}`, `--dbname=${database}`];
    return trial.kubectl('exec', 'postgresql-0', '--', ...psql, ...statements.flatMap((each) => ['--command', each]));
  }
});

/** A GET, or a POST that may be repeated. @throws when the answer is none of the 2xx */
async function succeed(url: string, body?: object): Promise<unknown> {
  const { status, text } = await send(url, body, { 'idempotency-key': randomUUID() });
  if (status < 200 || status >= 300) throw new Error(`${status} ${text.slice(0, 200)}`);
  return JSON.parse(text);
}
