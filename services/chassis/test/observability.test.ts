import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { ServiceClient } from '@stand/chassis/client';
import { expect } from 'chai';
import { type App, startApp } from '../../../test/setup/app.ts';
import { listen, send, until } from '../../../test/setup/http.ts';
import { createFixture } from './fixture.ts';
import { startFixture } from './process.ts';

/** Without a route, the request is given up before one is found. */
const givenUp: [what: string, route: string, request: string][] = [
  ['a request', '/hangs', 'GET /hangs HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['half an answer', '/hangs-halfway', 'GET /hangs-halfway HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a stream', '/streams', 'GET /streams?endless HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an event stream', '/events', 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an upload', '', 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{'],
];

/** Sends a request, and leaves once it has arrived. */
async function giveUp({ port, url }: App, request: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(request);
  // Answered only after what came before it has arrived, too.
  await send(`${url}/livez`);
  socket.destroy();
}

describe('metrics', () => {
  let app: App;
  before(async () => {
    app = await startApp(createFixture);
  });
  after(() => app.close());
  const metrics = async (): Promise<string> => (await send(`${app.url}/metrics`)).text;
  /** A series by its labels; without those that are empty, as Prometheus takes them. */
  const series = (name: string, labels: Record<string, string | number>): string => {
    const given = Object.entries(labels).filter(([, value]) => value !== '');
    return `${name}{${given.map(([label, value]) => `${label}="${value}"`)}}`;
  };
  const count = (http_request_method: string, http_route: string, http_response_status_code: number): string =>
    series('http_server_request_duration_seconds_count', {
      http_request_method,
      http_route,
      http_response_status_code,
    });
  /** The process may have counted for other tests before. */
  const counted = async (series: string): Promise<number> =>
    Number(
      (await metrics())
        .split('\n')
        .find((line) => line.startsWith(series))
        ?.slice(series.length) ?? 0,
    );

  it('are Prometheus text, with those of the process', async () => {
    const { status, type, text } = await send(`${app.url}/metrics`);
    expect(status).to.equal(200);
    expect(type).to.match(/^text\/plain; version=0\.0\.4/);
    expect(text).to.contain('process_resident_memory_bytes').and.contain('nodejs_eventloop_lag_p99_seconds');
  });

  it('are those that the document names', async () => {
    const table = readFileSync('docs/operations.md', 'utf8').matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm);
    const named = [...table].flatMap(([, cell = '']) => cell.replaceAll('`', '').split(', '));
    const text = await metrics();
    expect(named).to.include.members(['http_server_request_duration_seconds', 'db_client_connection_max']);
    expect(named.filter((name) => !text.includes(`# TYPE ${name} `))).to.deep.equal([]);
  });

  it('count requests by the pattern of their route, not by their path', async () => {
    const requests = count('GET', '/things/:id', 200);
    const before = await counted(requests);
    for (const id of ['unlikely-1', 'unlikely-2', 'unlikely-3']) await send(`${app.url}/things/${id}`);
    await until(async () => (await counted(requests)) === before + 3);
    expect(await metrics()).to.not.contain('unlikely');
  });

  it('count an error under the pattern of its route too', async () => {
    await send(`${app.url}/things/gone`);
    await send(`${app.url}/throws`);
    await until(async () => (await metrics()).includes(count('GET', '/things/:id', 410)));
    await until(async () => (await metrics()).includes(count('GET', '/throws', 500)));
  });

  for (const [what, route, request] of givenUp)
    it(`count ${what} that the client gives up as 499, not as what was to be sent`, async () => {
      app.lines.length = 0;
      const requests = count(request.split(' ')[0] ?? '', route, 499);
      const before = await counted(requests);
      await giveUp(app, request);
      await until(async () => (await counted(requests)) === before + 1);
      expect(app.lines).to.have.length(1);
      expect(app.lines[0]).to.include({ level: 'info', msg: 'request aborted' });
      expect(app.lines[0]?.res).to.deep.equal({ statusCode: 499 });
    });

  it('count an answer that we break off as 500, not as what was sent', async () => {
    const requests = count('GET', '/streams', 500);
    const before = await counted(requests);
    await send(`${app.url}/streams`).catch(() => {});
    await until(async () => (await counted(requests)) === before + 1);
  });

  it('put all unknown paths and all unknown methods into one series', async () => {
    const [paths, methods] = [count('GET', '', 404), count('_OTHER', '', 404)];
    const before = [await counted(paths), await counted(methods)];
    for (const path of ['/no-1', '/no-2']) await send(app.url + path);
    for (const method of ['PROPFIND', 'MKCOL']) await send(`${app.url}/no-1`, { method });
    await until(async () => (await counted(paths)) === (before[0] ?? 0) + 2);
    await until(async () => (await counted(methods)) === (before[1] ?? 0) + 2);
    expect(await metrics()).to.not.match(/no-1|PROPFIND|MKCOL/);
  });

  it('count a route once, in whichever case clients write it', async () => {
    const things = count('GET', '/things/:id', 200);
    const before = await counted(things);
    for (const path of ['/Things/1', '/THINGS/1']) await send(app.url + path);
    await until(async () => (await counted(things)) === before + 2);
  });

  it('are not more and more series where a router is mounted at a parameter', async () => {
    // In a process of its own, for it counts all later routes of one as one.
    const service = startFixture('server.ts', { PORT: '0' });
    const url = await service.url();
    for (let owner = 0; owner < 250; owner++) await send(`${url}/owners/${owner}/things/1`);
    const text = await until(async () => {
      const { text } = await send(`${url}/metrics`);
      return text.includes(`${count('GET', '_OTHER', 200)} 50`) && text;
    });
    expect(text.match(/^http_server_request_duration_seconds_count/gm)).to.have.length(201);
    service.process.kill('SIGKILL');
  });

  it('count a call to another service once, by its outcome, however many attempts it takes', async () => {
    let attempts = 0;
    const behind = await listen((req, res) => {
      attempts++;
      if (req.url === '/silent') return;
      if (attempts === 1) return void req.socket.destroy();
      res.writeHead(418).end();
    });
    const name = `behind-${randomUUID()}`;
    const client = new ServiceClient(name, behind.url);
    const calls = (method: string, outcome: Record<string, string>): Promise<number> =>
      counted(
        series('http_client_request_duration_seconds_count', {
          service: name,
          http_request_method: method,
          ...outcome,
        }),
      );
    await client.call('/', { requestId: '1' });
    expect(attempts).to.equal(2);
    await until(async () => (await calls('GET', { http_response_status_code: '418' })) === 1);

    const failure = (error: Error): string => error.message;
    expect(await client.call('/silent', { requestId: '2' }).catch(failure)).to.match(/did not answer in time/);
    await until(async () => (await calls('GET', { error_type: 'timeout' })) === 1);
    await behind.close();
    const once = { requestId: '3', idempotent: false };
    expect(await client.call('/', { ...once, method: 'PURGE' }).catch(failure)).to.match(/is not reachable/);
    await until(async () => (await calls('_OTHER', { error_type: 'unreachable' })) === 1);
  });

  it('do not count probes', async () => {
    await send(`${app.url}/livez`);
    expect(await metrics()).to.not.contain('livez');
  });
});

describe('logs', () => {
  let app: App;
  before(async () => {
    app = await startApp(createFixture);
  });
  after(() => app.close());
  beforeEach(() => {
    app.lines.length = 0;
  });

  it('have one line per request, without its headers and body', async () => {
    const headers = { authorization: 'Bearer s3cret', cookie: 's3cret=1' };
    await send(`${app.url}/echo`, { method: 'POST', headers, body: { text: 's3cret', list: [] } });
    const [line] = await until(() => app.lines.length > 0 && app.lines);
    expect(line).to.deep.include({ level: 'info', req: { method: 'POST', url: '/echo' }, res: { statusCode: 200 } });
    expect(line).to.include.keys('requestId', 'responseTime');
    expect(app.lines).to.have.length(1);
    expect(JSON.stringify(line)).to.not.contain('s3cret');
  });

  it('call a client’s fault info and ours error', async () => {
    await send(`${app.url}/nowhere`);
    await send(`${app.url}/throws`);
    const levels = await until(() => app.lines.length === 2 && app.lines.map(({ level }) => level));
    expect(levels).to.deep.equal(['info', 'error']);
  });

  for (const [path, status, message] of [
    ['/throws', 500, 'the secret is 42'],
    ['/rejects', 500, 'the secret is 42'],
    ['/throws-text', 500, 'the secret is 42'],
    ['/unavailable', 503, 'Not now: the secret is 42'],
    ['/breaks-off', 500, 'the secret is 42'],
    ['/streams', 500, 'the secret is 42, late'],
    ['/streams?nothing', 500, 'the secret is 42, late'],
  ] as const)
    it(`have one line for a failure, with the error itself: ${path}`, async () => {
      await send(app.url + path, { headers: { 'x-request-id': 'mine' } }).catch(() => {});
      // The line of the second comes after all those of the first.
      await send(`${app.url}/things/1`);
      const [line, next] = await until(() => app.lines.length > 1 && app.lines);
      expect(line).to.deep.include({ level: 'error', msg: 'request failed', requestId: 'mine' });
      expect(line).to.deep.include({ req: { method: 'GET', url: path }, res: { statusCode: status } });
      expect(line?.responseTime).to.be.a('number');
      expect(line?.err.message).to.equal(message);
      expect(line?.err.stack).to.match(/^ +at /m);
      expect(next?.req.url).to.equal('/things/1');
    });

  it('have one line, without an error, for one that is handed on', async () => {
    await send(`${app.url}/hands-on`);
    await send(`${app.url}/things/1`);
    const [line, next] = await until(() => app.lines.length > 1 && app.lines);
    expect(line).to.deep.include({ level: 'error', msg: 'request failed', res: { statusCode: 503 } });
    expect(line).to.not.have.property('err');
    expect(next?.level).to.equal('info');
  });

  it('have in their line why they were refused, however long that is', async () => {
    await send(`${app.url}/${'x'.repeat(200)}`);
    const [line] = await until(() => app.lines.length > 0 && app.lines);
    expect(line).to.deep.include({ level: 'info', res: { statusCode: 404 } });
    expect(line?.reason)
      .to.match(/^There is no GET \/x+$/)
      .and.have.length(120);
  });

  it('have a line of its own for what fails after the answer, which arrives', async () => {
    expect((await send(`${app.url}/fails-after-answer`)).body).to.deep.equal({ done: true });
    const lines = await until(() => app.lines.length > 1 && app.lines);
    expect(lines.map(({ level, msg }) => [level, msg])).to.have.deep.members([
      ['info', 'request completed'],
      ['error', 'failed after the answer'],
    ]);
    const failure = lines.find(({ level }) => level === 'error');
    expect(failure?.req).to.deep.equal({ method: 'GET', url: '/fails-after-answer' });
    expect(failure?.err.message).to.equal('the secret is 42');
    expect(failure).to.have.property('requestId');
  });

  it('leave probes out', async () => {
    for (const path of ['/livez', '/metrics']) await send(app.url + path);
    await send(`${app.url}/things/1`);
    await until(() => app.lines.some(({ req }) => req?.url === '/things/1'));
    expect(app.lines).to.have.length(1);
  });
});
