import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { TIMEOUT_HEADER } from '@stand/chassis/deadline';
import { expect } from 'chai';
import type { App } from '../../../test/setup/app.ts';
import { type Answer, listen, type Sent, send, sendRaw, until } from '../../../test/setup/http.ts';
import { startService } from '../../../test/setup/service.ts';
import { createWire, type Wire } from '../../../test/setup/wire.ts';
import { startGateway } from './start.ts';
import { type Stub, startStub } from './stub.ts';

/** Before stubs of catalog and orders, with a wire to each that can be cut; before the real ones: shop.test.ts. */
describe('gateway', () => {
  let catalog: Stub;
  let orders: Stub;
  let gateway: App;
  let toCatalog: Wire;
  let toOrders: Wire;

  before(async () => {
    catalog = await startStub();
    orders = await startStub();
    toCatalog = await createWire(catalog.port);
    toOrders = await createWire(orders.port);
    gateway = await startGateway(`http://127.0.0.1:${toCatalog.port}`, `http://127.0.0.1:${toOrders.port}`);
  });
  after(async () => {
    for (const part of [gateway, orders, catalog]) await part.close();
    for (const wire of [toOrders, toCatalog]) await wire.cut();
  });
  afterEach(async () => {
    for (const wire of [toOrders, toCatalog]) await wire.mend();
    for (const stub of [orders, catalog]) stub.reset();
  });

  const get = (path: string, headers?: Sent['headers']): Promise<Answer> => send(gateway.url + path, { headers });
  const post = (body: unknown, headers?: Sent['headers']): Promise<Answer> =>
    send(`${gateway.url}/api/orders`, { method: 'POST', body, headers });

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
      expect(headers.get('content-security-policy')?.split(';')).to.have.members([
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'self'",
      ]);
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
    const id = randomUUID();
    const routes: [method: string, path: string, stub: () => Stub, asked: string][] = [
      ['GET', '/api/catalog/products', () => catalog, '/products'],
      ['GET', '/api/catalog/products?search=cap', () => catalog, '/products?search=cap'],
      ['GET', '/api/catalog/products/1', () => catalog, '/products/1'],
      ['GET', '/api/orders?limit=1', () => orders, '/orders?limit=1'],
      ['GET', `/api/orders/${id}`, () => orders, `/orders/${id}`],
      ['POST', '/api/orders', () => orders, '/orders'],
    ];
    for (const [method, path, stub, asked] of routes)
      it(`hands ${method} ${path} on, and the answer back`, async () => {
        stub().answer = { ...stub().answer, status: 201, body: '{"n":1}' };
        const body = method === 'POST' ? { items: [1] } : undefined;
        const answer = await send(gateway.url + path, { method, body });
        expect(answer).to.deep.include({ status: 201, type: 'application/json; charset=utf-8', body: { n: 1 } });
        expect([...catalog.requests, ...orders.requests]).to.deep.equal(stub().requests);
        expect(stub().requests.map(({ method, url, body }) => [method, url, body])).to.deep.equal([
          [method, asked, body === undefined ? '' : JSON.stringify(body)],
        ]);
      });

    it('sends the Idempotency-Key along, also an empty one, and none where there was none', async () => {
      for (const key of ['mine', '']) await post({}, { 'idempotency-key': key });
      await post({});
      expect(orders.requests.map(({ headers }) => headers['idempotency-key'])).to.deep.equal(['mine', '', undefined]);
    });

    it('sends the request’s id along', async () => {
      const headers = { 'x-request-id': `test-${randomUUID()}` };
      expect((await post({}, headers)).headers.get('x-request-id')).to.equal(headers['x-request-id']);
      expect(orders.requests[0]?.headers).to.include(headers);
    });

    it('hands a refusal back as it is, with Retry-After', async () => {
      const headers = { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '7' };
      orders.answer = { status: 503, headers, body: '{"status":503,"detail":"later"}' };
      const answer = await post({});
      expect(answer).to.deep.include({ status: 503, type: headers['content-type'], text: orders.answer.body });
      expect(answer.headers.get('retry-after')).to.equal('7');
      const line = await until(() => gateway.lines.find(({ reason }) => reason === 'later'));
      expect(line).to.deep.include({ msg: 'request failed', requestId: answer.headers.get('x-request-id') });
    });

    it('hands a refusal back that is no problem', async () => {
      const headers = { 'content-type': 'text/plain' };
      for (const body of ['no JSON', 'null', '{"detail":7}']) {
        orders.answer = { status: 503, headers, body };
        expect(await post({})).to.include({ status: 503, text: body });
      }
    });

    it('says by its own address where what was made is', async () => {
      for (const [location, expected] of [
        ['/orders/7', '/api/orders/7'],
        ['7?a=1', '/api/7?a=1'],
        [`http://127.0.0.1:${toOrders.port}/orders/7`, '/api/orders/7'],
        ['https://pay.example.com/7', 'https://pay.example.com/7'],
        ['//example.com/7', '//example.com/7'],
        ['http://[', null],
      ] as const) {
        orders.answer = { ...orders.answer, status: 201, headers: { location } };
        expect((await post({})).headers.get('location')).to.equal(expected);
      }
    });

    it('hands a redirect on and does not follow it', async () => {
      const stranger = await startStub();
      const locations = ['/orders/7', stranger.url];
      for (const location of locations) {
        orders.answer = { status: 307, headers: { location }, body: '' };
        const { text } = await sendRaw(
          gateway.port,
          'GET /api/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
        );
        expect(text).to.match(/^HTTP\/1\.1 307 /);
        expect(text).to.contain(`location: ${location === stranger.url ? location : '/api/orders/7'}\r\n`);
      }
      await stranger.close();
      expect([orders.requests.length, stranger.requests.length]).to.deep.equal([locations.length, 0]);
    });

    it('answers HEAD with the headers of GET and no body', async () => {
      orders.answer = { ...orders.answer, body: '{"orders":[]}' };
      for (const path of ['/api/orders', '/api/status', '/shop.js', '/api/orders/%2e%2e']) {
        const [head, got] = [await send(gateway.url + path, { method: 'HEAD' }), await get(path)];
        const same = ({ status, headers }: Answer): unknown => ({
          status,
          headers: [...headers].filter(([name]) => !/^(connection|date|keep-alive|x-request-id)$/.test(name)),
        });
        expect(same(head)).to.deep.equal(same(got));
        expect([head.text, got.headers.get('content-length')]).to.deep.equal(['', `${Buffer.byteLength(got.text)}`]);
      }
    });

    it('refuses a body that does not say it is JSON', async () => {
      expect((await post('a=1', { 'content-type': 'application/x-www-form-urlencoded' })).status).to.equal(415);
      expect(orders.requests).to.deep.equal([]);
    });

    it('refuses a body that is nested deeper than it can write', async () => {
      expect((await post(`{"items":${'['.repeat(5000)}${']'.repeat(5000)}}`)).status).to.equal(400);
      expect(orders.requests).to.deep.equal([]);
    });

    it('refuses a body that is not JSON itself', async () => {
      const answer = await post('{"items":');
      expect(answer).to.include({ status: 400, type: 'application/problem+json; charset=utf-8' });
      expect(orders.requests).to.deep.equal([]);
    });

    it('does not offer what only the services among themselves may do', async () => {
      for (const [method, path, status] of [
        ['POST', '/api/catalog/products', 405],
        ['PUT', '/api/catalog/products/1/stock', 404],
        ['PUT', `/api/catalog/reservations/${randomUUID()}`, 404],
        ['DELETE', '/api/orders', 405],
      ] as const)
        expect((await send(gateway.url + path, { method, body: {} })).status).to.equal(status);
      expect([...catalog.requests, ...orders.requests]).to.deep.equal([]);
    });

    it('ignores the body of a GET', async () => {
      const request = 'GET /api/catalog/products HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
      const { status } = await sendRaw(
        gateway.port,
        `${request}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
      );
      expect([status, catalog.requests[0]?.body]).to.deep.equal([200, '']);
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

    it('answers 504 when a service keeps silent, before or in the middle of its answer', async () => {
      toOrders.stall();
      const halfAnswer = await listen((_req, res) => void res.writeHead(200, { 'content-length': 9 }).write('{'));
      const other = await startGateway(halfAnswer.url);
      const headers = { [TIMEOUT_HEADER]: '1000' };
      const answers = await Promise.all([
        get('/api/orders', headers),
        send(`${other.url}/api/catalog/products`, { headers }),
      ]);
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
    const [up, down] = [{ state: 'up' }, { state: 'down' }];

    it('tells up from down', async () => {
      expect(await states()).to.deep.equal({ catalog: up, orders: up });
      await toCatalog.cut();
      expect(await states()).to.deep.equal({ catalog: down, orders: up });
      await toCatalog.mend();
      expect(await states()).to.deep.equal({ catalog: up, orders: up });
    });

    it('asks what users ask, not the probes, which may be out of reach', async () => {
      orders.answer.status = 503;
      expect(await states()).to.deep.equal({ catalog: up, orders: down });
      expect([...catalog.requests, ...orders.requests].map(({ url }) => url)).to.have.members([
        '/products?limit=1',
        '/orders?limit=1',
      ]);
    });

    it('says why a service does not run, in development, and hands on no other reason', async () => {
      const problem = (type: string) => JSON.stringify({ type, reason: 'does not start, src/app.ts:12' });
      catalog.answer = { ...catalog.answer, status: 503, body: problem('urn:problem:does-not-run') };
      orders.answer = { ...orders.answer, status: 503, body: problem('about:blank') };
      expect(await states()).to.deep.equal({
        catalog: { ...down, reason: 'does not start, src/app.ts:12' },
        orders: down,
      });
    });

    it('is off, and asking is a polite 503, where a service is switched off', async () => {
      const small = await startGateway(catalog.url);
      const status = await send(`${small.url}/api/status`);
      const answers = [
        await send(`${small.url}/api/orders`),
        await send(`${small.url}/api/orders`, { method: 'POST', body: {} }),
      ];
      await small.close();
      expect(status.body.services).to.deep.equal({ catalog: up, orders: { state: 'off' } });
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
      '/api/orders/%2e%2e',
      '/api/orders/%ff',
      `/${'x'.repeat(10_000)}`,
      `/${'x'.repeat(100_000)}`,
    ])
      it(`gets a clean 4xx: ${target.slice(0, 50)}`, async () => {
        const { status, text } = await raw(target);
        expect(status).to.be.within(400, 499);
        expect(text)
          .to.not.match(/node_modules|at \w+ \(/)
          .and.not.contain(process.cwd());
        expect([...catalog.requests, ...orders.requests]).to.deep.equal([]);
        const problem = /\r\n\r\n(.+)/.exec(text)?.[1];
        if (status !== 431) expect(JSON.parse(problem ?? '')).to.include({ status });
      });

    it('cannot reach a service’s probes and metrics by a path that fetch would tidy up', async () => {
      for (const target of [
        '/api/orders/..\\metrics',
        '/api/orders/%2e%2e\\metrics',
        '/api/catalog/products/..\\..\\metrics',
      ]) {
        expect((await raw(target)).status).to.equal(404);
      }
      expect([...catalog.requests, ...orders.requests]).to.deep.equal([]);
    });

    it('cannot add to the address of the service that the gateway asks', async () => {
      const stranger = await listen((_req, res) => res.end('{"products":"stranger"}'));
      const short = await startGateway('http://127.0.0');
      const { text } = await raw(`http://shop!.1:${stranger.port}/api/catalog/products`, short.port);
      await Promise.all([stranger.close(), short.close()]);
      expect(text).to.not.contain('stranger');
    });

    it('in absolute form gets what its path names, as RFC 9112 wants', async () => {
      expect((await raw('http://shop.example/api/catalog/products?search=mug')).status).to.equal(200);
      expect(catalog.requests.map(({ url }) => url)).to.deep.equal(['/products?search=mug']);
    });
  });
});

describe('gateway with an unusable environment', () => {
  it('exits with 1 and one line that names what is missing', async () => {
    const { exit, lines } = startService('gateway', {});
    expect(await exit()).to.equal(1);
    expect(lines.map(({ level }) => level)).to.deep.equal(['fatal']);
    for (const name of ['PORT', 'CATALOG_URL']) expect(lines[0]?.msg).to.contain(`${name} is not set`);
  });
});
