import { connect, type Socket } from 'node:net';
import { createHealth } from '@stand/chassis/health';
import { createServer } from '@stand/chassis/server';
import { expect } from 'chai';
import { type Line, recordLogs } from '../../../test/setup/app.ts';
import { listen, type Running, send, sendRaw, until } from '../../../test/setup/http.ts';
import { createFixture } from './fixture.ts';

const GET = 'GET /things/1 HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

describe('the server', () => {
  let app: Running;
  let lines: Line[];
  before(async () => {
    const { logger, ...recorded } = recordLogs();
    ({ lines } = recorded);
    const server = createServer(createFixture({ logger, health: createHealth({ logger }) }), logger);
    // Node looks once a second.
    Object.assign(server, { headersTimeout: 500, requestTimeout: 500 });
    app = await listen(server);
  });
  after(() => app.close());

  /** That all which came is one problem, logged and counted, and the connection closed. */
  const expectProblem = async (text: string, status: number, method: string): Promise<void> => {
    const [head = '', body = ''] = text.split('\r\n\r\n');
    expect(head).to.match(new RegExp(`^HTTP/1\\.1 ${status} [A-Z]`));
    const problem = JSON.parse(body);
    expect(problem).to.include({ status });
    expect(head.toLowerCase())
      .to.contain('content-type: application/problem+json; charset=utf-8')
      .and.contain('connection: close')
      .and.contain(`x-request-id: ${problem.requestId}`);
    const line = await until(() => lines.find(({ requestId }) => requestId === problem.requestId));
    expect(line).to.deep.include({ level: 'info', res: { statusCode: status } });
    const labels = `http_request_method="${method}",http_response_status_code="${status}"`;
    const count = `http_server_request_duration_seconds_count{${labels}}`;
    await until(async () => (await send(`${app.url}/metrics`)).text.includes(count));
  };

  const refused: Record<string, [request: string, status: number, method: string]> = {
    'is no HTTP': ['hello\r\n\r\n', 400, '_OTHER'],
    'has a method that there is not': ['BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 400, '_OTHER'],
    'has a version that there is not': ['GET / HTTP/7.1\r\nHost: x\r\n\r\n', 400, '_OTHER'],
    'has a header without a colon': ['GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n', 400, '_OTHER'],
    'has two lengths': [`${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, 400, '_OTHER'],
    'has headers of more than 16 kB': [`GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(17_000)}\r\n\r\n`, 431, '_OTHER'],
    'has headers that do not end': ['GET / HTTP/1.1\r\nHost: x\r\n', 408, '_OTHER'],
    'wants a proxy': ['CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n', 400, '_OTHER'],
    'names a host and no path': ['GET http:// HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404, 'GET'],
    'names a host and a query': ['GET http://?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 404, 'GET'],
    'has no Host': ['GET /things/1 HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'GET'],
    'has a body that does not end': [`${POST}Content-Length: 9\r\n\r\n{`, 408, 'POST'],
    'has a chunk of no length': [`${POST}Transfer-Encoding: chunked\r\n\r\nnonsense\r\n`, 400, 'POST'],
    'announces 400 MB': [`${POST}Content-Length: 419430400\r\n\r\n{`, 413, 'POST'],
  };
  for (const [what, [request, status, method]] of Object.entries(refused))
    it(`answers ${status} to what ${what}, logs and counts it`, async () =>
      expectProblem((await sendRaw(app.port, request)).text, status, method));

  it('answers 413 to a body without an end, and reads no more of it', async () => {
    const socket = connect(app.port, '127.0.0.1').on('error', () => {});
    socket.write(`${POST}Transfer-Encoding: chunked\r\n\r\n`);
    let text = '';
    socket.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const feed = (): void => {
      while (socket.write(chunk));
    };
    socket.on('drain', feed);
    feed();
    await new Promise((closed) => socket.once('close', closed));
    await expectProblem(text, 413, 'POST');
  });

  it('lets a route that does not read a broken body answer', async () => {
    const head = 'GET /slow?ms=200 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const { text } = await sendRaw(app.port, `${head}nonsense\r\n`);
    expect(text)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.match(/^connection: close/im)
      .and.contain('{"done":true}');
  });

  it('says of none of these that we have failed', () => {
    expect(lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('only closes a connection that has sent nothing', async () => {
    lines.length = 0;
    expect((await sendRaw(app.port, '')).text).to.equal('');
    expect(lines).to.deep.equal([]);
  });

  it('answers the requests before the one that is none', async () => {
    const { text } = await sendRaw(app.port, `${GET.replace('things/1', 'slow?ms=50')}${GET}nonsense\r\n\r\n`);
    expect(text)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.contain('{"done":true}');
  });

  it('answers what is pipelined in its order, and handles one after the other', async () => {
    const slow = 'GET /slow?ms=100 HTTP/1.1\r\nHost: x\r\n\r\n';
    const { text } = await sendRaw(
      app.port,
      slow + GET.repeat(90) + GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'),
    );
    expect(text.split('HTTP/1.1 200 OK')).to.have.length(93);
    expect(text.indexOf('"done"')).to.be.below(text.indexOf('"id"'));
    const [first, second] = lines.slice(-92);
    expect([first?.req.url, second?.req.url]).to.deep.equal(['/slow?ms=100', '/things/1']);
  });

  it('closes a connection of which more than a hundred requests wait', async () => {
    const { text } = await sendRaw(app.port, GET.replace('things/1', 'slow?ms=60000') + GET.repeat(100));
    expect(text).to.equal('');
    expect((await send(`${app.url}/things/1`)).status).to.equal(200);
  });
});

describe('a server whose answers nobody reads', () => {
  const clients: Socket[] = [];
  let app: Running;
  after(async () => {
    for (const client of clients) client.destroy();
    await app.close();
  });

  it('keeps no more than one for each connection', async () => {
    const connections: Socket[] = [];
    let kept = 0;
    let most = 0;
    const server = createServer((_req, res) => {
      most = Math.max(most, ++kept);
      res.prependOnceListener('close', () => kept--).end('x'.repeat(10_000));
    }, recordLogs().logger);
    app = await listen(server.on('connection', (socket: Socket) => connections.push(socket)));
    for (let n = 0; n < 20; n++) {
      const client = connect(app.port, '127.0.0.1').on('error', () => {});
      clients.push(client.pause());
      client.write(GET.repeat(2000));
    }
    await until(() => connections.length === 20 && connections.every((s) => s.destroyed || s.writableNeedDrain));
    expect(most).to.be.within(1, 20);
  });
});
