import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { createDatabase, type TestDatabase, withClient } from '../../../../test/setup/database.ts';
import { type Answer, type Sent, send, sendRaw, until } from '../../../../test/setup/http.ts';
import { needsServices } from '../../../../test/setup/needs.ts';
import { type Service, startService } from '../../../../test/setup/service.ts';
import { createWire, type Wire } from '../../../../test/setup/wire.ts';

/** The whole shop, each service a process of its own as in production, with a wire to catalog that can be cut. */
describe('the shop', () => {
  needsServices('catalog', 'orders');
  const services: Record<string, Service> = {};
  let database: TestDatabase;
  let toCatalog: Wire;
  let url: string;

  before(async () => {
    database = await createDatabase('catalog', 'orders');
    const start = (name: string, env: Record<string, string>): Promise<string> => {
      const service = startService(name, { PORT: '0', ...env });
      services[name] = service;
      return service.url();
    };
    toCatalog = await createWire(Number(new URL(await start('catalog', database.env)).port));
    const CATALOG_URL = `http://127.0.0.1:${toCatalog.port}`;
    const ORDERS_URL = await start('orders', { ...database.env, CATALOG_URL });
    url = await start('gateway', { CATALOG_URL, ORDERS_URL });
  });
  after(async () => {
    for (const service of Object.values(services)) service.process.kill('SIGKILL');
    await toCatalog?.cut();
  });
  beforeEach(() =>
    query(
      `truncate orders.orders, catalog.products, catalog.reservations restart identity;
       insert into catalog.products (sku, name, price_cents, stock) values ('mug', 'Mug', 1450, 9), ('cap', 'Cap', 333, 1)`,
    ),
  );
  afterEach(() => toCatalog.mend());

  const query = (sql: string): Promise<unknown> => withClient(database, (client) => client.query(sql));
  const get = (path: string): Promise<Answer> => send(url + path);
  const post = (body: unknown, headers?: Sent['headers']): Promise<Answer> =>
    send(`${url}/api/orders`, { method: 'POST', body, headers });
  const mugs = (quantity: number): unknown => ({ items: [{ productId: 1, quantity }] });
  const stock = async (): Promise<number> => (await get('/api/catalog/products/1')).body.stock;

  it('lists, searches and gets products', async () => {
    expect((await get('/api/catalog/products')).body.products).to.have.length(2);
    const found = await get('/api/catalog/products?search=cap');
    expect(found.body.products.map(({ sku }: { sku: string }) => sku)).to.deep.equal(['cap']);
    expect((await get('/api/catalog/products/1')).body).to.include({ sku: 'mug', priceCents: 1450 });
  });

  it('places, lists and gets orders', async () => {
    const placed = await post(mugs(2));
    expect(placed.status).to.equal(201);
    expect((await get('/api/orders?limit=1')).body.orders).to.deep.equal([placed.body]);
    expect((await get(`/api/orders/${placed.body.id}`)).body).to.deep.equal(placed.body);
  });

  it('orders once when the Idempotency-Key comes again', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    const [first, second] = [await post(mugs(2), headers), await post(mugs(2), headers)];
    expect(second.body).to.deep.equal(first.body);
    expect(await stock()).to.equal(7);
  });

  it('refuses an empty Idempotency-Key', async () => {
    expect((await post(mugs(2), { 'idempotency-key': '' })).status).to.equal(400);
  });

  it('answers what can not be with problem details', async () => {
    for (const [answer, status] of [
      [await get('/api/catalog/products/7'), 404],
      [await get('/api/catalog/products/x'), 400],
      [await post({ items: [{ productId: 1, quantity: 10 }] }), 409],
      [await post({ items: [] }), 400],
    ] as const) {
      expect(answer).to.include({ status, type: 'application/problem+json; charset=utf-8' });
      expect(answer.body).to.include({ status }).and.have.property('detail');
    }
  });

  for (const target of [
    '/api/orders/1%20or%201=1',
    '/api/catalog/products/..%5cmetrics',
    '/api/catalog/products/..%2f..%2freservations',
    `/api/catalog/products/${'9'.repeat(10_000)}`,
  ])
    it(`gives a hostile request a clean 400: ${target.slice(0, 50)}`, async () => {
      const { port } = new URL(url);
      const request = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      const { status, text } = await sendRaw(Number(port), request);
      expect(status).to.equal(400);
      expect(text)
        .to.contain('application/problem+json')
        .and.not.match(/node_modules|at \w+ \(/);
    });

  it('says that catalog was silent, not orders', async () => {
    toCatalog.stall();
    expect((await post(mugs(1))).body).to.include({ status: 504, detail: 'catalog did not answer in time' });
  });

  it('gives one request one id in all three logs', async () => {
    const requestId = `test-${randomUUID()}`;
    await post(mugs(1), { 'x-request-id': requestId });
    for (const { lines } of Object.values(services))
      await until(() => lines.some((line) => line.requestId === requestId));
    for (const { lines } of Object.values(services))
      expect(lines.filter((line) => line.requestId === requestId)).to.have.length(1);
  });

  it('hands through the 503 of a service behind a service, and completes the order when its key comes again', async () => {
    const headers = { 'idempotency-key': randomUUID() };
    await toCatalog.cut();
    const answer = await post(mugs(2), headers);
    expect([answer.status, answer.headers.get('retry-after')]).to.deep.equal([503, '1']);
    expect(answer.body.detail).to.equal('catalog is not reachable at the moment');
    await toCatalog.mend();
    expect((await post(mugs(2), headers)).status).to.equal(201);
    expect(await stock()).to.equal(7);
  });
});
