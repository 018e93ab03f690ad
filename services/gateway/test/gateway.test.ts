import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { App, AppWithDatabase } from '../../../test/setup/app.ts';
import { createDatabase } from '../../../test/setup/database.ts';
import { type Answer, listen, type Sent, send, sendRaw } from '../../../test/setup/http.ts';
import { createWire, type Wire } from '../../../test/setup/wire.ts';
import { startCatalog } from '../../catalog/test/start.ts';
import { startOrders } from '../../orders/test/start.ts';
import { startGateway } from './start.ts';

/** The whole shop: gateway before the real orders and catalog, with a wire to each that can be cut. */
describe('gateway', () => {
  let catalog: AppWithDatabase;
  let orders: AppWithDatabase;
  let gateway: App;
  let toCatalog: Wire;
  let toOrders: Wire;

  before(async () => {
    const database = await createDatabase('catalog', 'orders');
    catalog = await startCatalog(database);
    toCatalog = await createWire(catalog.port);
    orders = await startOrders(database, `http://127.0.0.1:${toCatalog.port}`);
    toOrders = await createWire(orders.port);
    gateway = await startGateway(`http://127.0.0.1:${toCatalog.port}`, `http://127.0.0.1:${toOrders.port}`);
  });
  after(async () => {
    for (const part of [gateway, orders, catalog]) await part.close();
    for (const wire of [toOrders, toCatalog]) await wire.cut();
  });
  beforeEach(() =>
    catalog.pool.query(
      `truncate orders.orders, catalog.products, catalog.reservations restart identity;
       insert into catalog.products (sku, name, price_cents, stock) values ('mug', 'Mug', 1450, 9), ('cap', 'Cap', 333, 1)`,
    ),
  );
  afterEach(async () => {
    for (const wire of [toOrders, toCatalog]) await wire.mend();
  });

  const get = (path: string, headers?: Sent['headers']): Promise<Answer> => send(gateway.url + path, { headers });
  const post = (body: unknown, headers?: Sent['headers']): Promise<Answer> =>
    send(`${gateway.url}/api/orders`, { method: 'POST', body, headers });
  const mugs = (quantity: number): unknown => ({ items: [{ productId: 1, quantity }] });
  const stock = async (): Promise<number> => (await get('/api/catalog/products/1')).body.stock;

  describe('the page', () => {
    it('is served with its script and style', async () => {
      const page = await get('/');
      expect(page).to.include({ status: 200, type: 'text/html; charset=utf-8' });
      expect(page.text).to.equal(readFileSync('services/gateway/public/index.html', 'utf8'));
      expect((await get('/shop.js')).type).to.match(/^text\/javascript/);
      expect((await get('/style.css')).type).to.match(/^text\/css/);
    });

    it('comes with the headers that keep foreign scripts and frames out', async () => {
      const { headers } = await get('/');
      expect(headers.get('content-security-policy'))
        .to.contain("default-src 'self'")
        .and.not.contain('upgrade-insecure');
      expect(headers.get('content-security-policy')).to.contain("frame-ancestors 'self'");
      expect(headers.get('x-content-type-options')).to.equal('nosniff');
      expect(headers.get('x-frame-options')).to.equal('SAMEORIGIN');
      expect([headers.get('x-powered-by'), headers.get('strict-transport-security')]).to.deep.equal([null, null]);
    });

    it('runs under them: no script or style in its text, nothing from elsewhere', async () => {
      const { text } = await get('/');
      expect(text).to.not.match(/<script(?![^>]*src)|<style|style=|\son\w+=|(src|href)="(https?:)?\/\//);
    });
  });

  describe('the API', () => {
    it('lists, searches and gets products', async () => {
      expect((await get('/api/catalog/products')).body.products).to.have.length(2);
      expect((await get('/api/catalog/products?search=cap')).body.products[0]).to.include({ sku: 'cap' });
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

    it('refuses an empty Idempotency-Key as orders does', async () => {
      expect((await post(mugs(2), { 'idempotency-key': '' })).status).to.equal(400);
    });

    it('hands problem details through', async () => {
      for (const [answer, status] of [
        [await get('/api/catalog/products/7'), 404],
        [await get('/api/catalog/products/x'), 400],
        [await post({ items: [{ productId: 1, quantity: 10 }] }), 409],
        [await post({ items: [] }), 400],
        [await post('{"items":'), 400],
      ] as const) {
        expect(answer).to.include({ status, type: 'application/problem+json; charset=utf-8' });
        expect(answer.body).to.include({ status }).and.have.property('detail');
      }
    });

    it('does not offer what only the services among themselves may do', async () => {
      for (const [method, path] of [
        ['POST', '/api/catalog/products'],
        ['PUT', '/api/catalog/products/1/stock'],
        ['PUT', `/api/catalog/reservations/${randomUUID()}`],
        ['DELETE', '/api/orders'],
      ] as const)
        expect((await send(gateway.url + path, { method, body: {} })).status).to.equal(404);
    });

    it('gives one request one id in all three logs', async () => {
      const headers = { 'x-request-id': `test-${randomUUID()}` };
      expect((await post(mugs(1), headers)).headers.get('x-request-id')).to.equal(headers['x-request-id']);
      for (const { lines } of [gateway, orders, catalog])
        expect(lines.filter(({ requestId }) => requestId === headers['x-request-id'])).to.have.length(1);
    });

    it('ignores the body of a GET', async () => {
      const request = 'GET /api/catalog/products HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
      const { status } = await sendRaw(
        gateway.port,
        `${request}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
      );
      expect(status).to.equal(200);
    });
  });

  describe('when a service is away', () => {
    it('says which with 503, and recovers', async () => {
      await toCatalog.cut();
      const { status, headers, body } = await get('/api/catalog/products');
      expect([status, headers.get('retry-after')]).to.deep.equal([503, '1']);
      expect(body.detail).to.equal('catalog is not reachable at the moment');
      await toCatalog.mend();
      expect((await get('/api/catalog/products')).status).to.equal(200);
    });

    it('hands through the 503 of a service behind a service', async () => {
      await toCatalog.cut();
      const { status, headers, body } = await post(mugs(1));
      expect([status, headers.get('retry-after')]).to.deep.equal([503, '1']);
      expect(body.detail).to.equal('catalog is not reachable at the moment');
    });

    it('completes the order when the key comes again after its answer was lost', async () => {
      const headers = { 'idempotency-key': randomUUID() };
      await toCatalog.cut();
      expect((await post(mugs(2), headers)).status).to.equal(503);
      await toCatalog.mend();
      expect((await post(mugs(2), headers)).status).to.equal(201);
      expect(await stock()).to.equal(7);
    });

    it('answers 504 when a service keeps silent, before or in the middle of its answer', async () => {
      toOrders.stall();
      const halfAnswer = await listen((_req, res) => void res.writeHead(200, { 'content-length': 9 }).write('{'));
      const other = await startGateway(halfAnswer.url);
      const answers = await Promise.all([get('/api/orders'), send(`${other.url}/api/catalog/products`)]);
      await Promise.all([halfAnswer.close(), other.close()]);
      expect(answers.map(({ body }) => body.detail)).to.deep.equal([
        'orders did not answer in time',
        'catalog did not answer in time',
      ]);
      expect(answers.map(({ status }) => status)).to.deep.equal([504, 504]);
    });
  });

  describe('the status', () => {
    const states = async (): Promise<unknown> => (await get('/api/status')).body.services;

    it('tells up from down', async () => {
      expect(await states()).to.deep.equal({ catalog: 'up', orders: 'up' });
      await toCatalog.cut();
      expect(await states()).to.deep.equal({ catalog: 'down', orders: 'up' });
      await toCatalog.mend();
      expect(await states()).to.deep.equal({ catalog: 'up', orders: 'up' });
    });

    it('is off, and asking is a polite 503, where a service is switched off', async () => {
      const small = await startGateway(catalog.url);
      const status = await send(`${small.url}/api/status`);
      const answers = [
        await send(`${small.url}/api/orders`),
        await send(`${small.url}/api/orders`, { method: 'POST', body: {} }),
      ];
      await small.close();
      expect(status.body.services).to.deep.equal({ catalog: 'up', orders: 'off' });
      for (const { body } of answers)
        expect(body).to.include({ status: 503, detail: 'This part of the shop is switched off' });
    });
  });

  describe('a hostile request', () => {
    const raw = (target: string, port = gateway.port): Promise<{ status: number; text: string }> =>
      sendRaw(port, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

    for (const target of [
      '/../package.json',
      '/..%2fpackage.json',
      '/%2e%2e/package.json',
      '/..\\package.json',
      '/%00',
      '/%ff',
      '/.env',
      '//example.com/%2e%2e',
      '/api/catalog',
      '/api/catalog/products/..',
      '/api/catalog/products/%2e%2e/readyz',
      '/api/catalog/products/..%5cmetrics',
      '/api/catalog/products/..%2f..%2freservations',
      '/api/orders/1%20or%201=1',
      '/api/orders/%2e%2e',
      '/api/orders/%ff',
      `/${'x'.repeat(10_000)}`,
      `/${'x'.repeat(100_000)}`,
      `/api/catalog/products/${'9'.repeat(10_000)}`,
    ])
      it(`gets a clean 4xx: ${target.slice(0, 50)}`, async () => {
        const { status, text } = await raw(target);
        expect(status).to.be.within(400, 499);
        expect(text).to.not.match(/node_modules|at \w+ \(|\/work\//);
        const problem = /\r\n\r\n(.+)/.exec(text)?.[1];
        if (status !== 431) expect(JSON.parse(problem ?? '')).to.include({ status });
      });

    it('cannot reach a service’s probes and metrics by a path that fetch would tidy up', async () => {
      for (const target of [
        '/api/orders/..\\metrics',
        '/api/orders/%2e%2e\\metrics',
        '/api/catalog/products/..\\..\\metrics',
      ]) {
        const { status, text } = await raw(target);
        expect(text).to.not.contain('process_cpu');
        expect(status).to.equal(404);
      }
    });

    it('cannot add to the address of the service that the gateway asks', async () => {
      const stranger = await listen((_req, res) => res.end('{"products":"stranger"}'));
      const short = await startGateway('http://127.0.0');
      const { text } = await raw(`http://shop!.1:${stranger.port}/api/catalog/products`, short.port);
      await Promise.all([stranger.close(), short.close()]);
      expect(text).to.not.contain('stranger');
    });

    it('in absolute form gets what its path names, as RFC 9112 wants', async () => {
      const { status, text } = await raw('http://shop.example/api/catalog/products?search=mug');
      expect([status, text.includes('"sku":"mug"'), text.includes('"sku":"cap"')]).to.deep.equal([200, true, false]);
    });
  });
});
