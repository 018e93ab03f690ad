import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { freePort } from '../../../scripts/host/postgres.ts';
import { send, until } from '../../../test/setup/http.ts';
import { openDoor } from '../door.cjs';

const BODY = 'x'.repeat(5_000_000);

/** A service that comes and goes behind a door, here in this process. */
describe('the door of a service in development', () => {
  let port: number;
  let inside: number;
  let service: Server | undefined;
  let taken = 0;

  before(async () => {
    port = await freePort();
    inside = await openDoor(
      port,
      () => {
        taken++;
      },
      (_req, res) => res.writeHead(503).end('nobody'),
    );
  });
  afterEach(leave);

  const url = (path = '/'): string => `http://127.0.0.1:${port}${path}`;

  async function enter(answer: RequestListener): Promise<Server> {
    service = createServer({ keepAliveTimeout: 60_000 }, answer).listen(inside, '127.0.0.1');
    await once(service, 'listening');
    return service;
  }

  /** As a process that is killed. */
  async function leave(): Promise<void> {
    const closed = service?.listening && once(service, 'close');
    service?.close().closeAllConnections();
    service = undefined;
    await closed;
  }

  /** What a client that says this gets until its connection ends. */
  async function say(...parts: string[]): Promise<string> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => {});
    for (const part of parts) socket.write(part);
    return text(socket).catch(() => 'reset');
  }

  /** A client, and what it has been told so far. */
  function open(): { socket: Socket; said(): string } {
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    return { socket, said: () => text };
  }

  it('keeps a client’s connection over a restart', async () => {
    const { socket, said } = open();
    for (const name of ['first', 'second']) {
      await enter((_req, res) => res.end(name));
      socket.write('GET / HTTP/1.1\r\nHost: door\r\n\r\n');
      await until(() => said().includes(name));
      await leave();
    }
    expect(socket.readyState).to.equal('open');
    socket.destroy();
  });

  it('leads all who wait to the service once it listens', async () => {
    const before = taken;
    const answers = Array.from({ length: 300 }, () => send(url(), { headers: { connection: 'close' } }));
    await enter((_req, res) => res.end('here'));
    expect(new Set((await Promise.all(answers)).map((answer) => answer.text))).to.deep.equal(new Set(['here']));
    expect(taken - before).to.equal(300);
  });

  it('hands on an answer that comes before the request is whole', async () => {
    await enter((_req, res) => res.writeHead(413, { connection: 'close' }).end('too large'));
    for (let round = 0; round < 20; round++) {
      const answer = await send(url(), { method: 'POST', body: BODY });
      expect([answer.status, answer.text]).to.deep.equal([413, 'too large']);
    }
  });

  it('hands on bodies of any size, trailers, headers as they are, and streams at once', async () => {
    let goOn = (): void => {};
    await enter(async (req, res) => {
      if (req.url !== '/stream') return void req.pipe(res);
      res.writeHead(200, 'Fine', [
        ['X-Case', 'Kept'],
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
        ['Trailer', 'X-End'],
      ]);
      res.write('first');
      await new Promise<void>((done) => {
        goOn = done;
      });
      res.addTrailers({ 'X-End': 'told' });
      res.end('second');
    });
    expect((await send(url(), { method: 'POST', body: BODY })).text).to.have.length(BODY.length);

    const { socket, said } = open();
    socket.write('GET /stream HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n');
    await until(() => said().includes('first'));
    goOn();
    await once(socket, 'close');
    expect(said()).to.match(/^HTTP\/1\.1 200 Fine\r\nX-Case: Kept\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
    expect(said()).to.match(/second\r\n0\r\nX-End: told\r\n\r\n$/);
  });

  it('takes a message for what it is when the service leaves', async () => {
    const asked: string[] = [];
    const isolated = 'POST /pay HTTP/1.1\r\nHost: door\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
    await enter((req) => {
      asked.push(`${req.method} ${req.url}`);
      if (asked.length === 2) void leave().then(() => enter((next, res) => res.end(`${next.method} ${next.url}`)));
    });
    const said = await say(`GET /a HTTP/1.1\r\nHost: door\r\n\r\n${isolated}`);
    expect(asked).to.deep.equal(['GET /a', 'POST /pay']);
    expect(said).to.not.contain('POST /pay');
  });

  it('cuts an answer that the service has begun, and sends nothing after it', async () => {
    await enter((_req, res) => {
      res.writeHead(200, { 'content-length': '10' }).write('half', () => {
        void leave().then(() => enter((_next, answer) => answer.end('other')));
      });
    });
    expect(await say('GET /a HTTP/1.1\r\nHost: door\r\n\r\n')).to.match(/\r\n\r\nhalf$|^reset$/);
  });

  it('asks again with a body that was waited for', async () => {
    const head = 'POST /pay HTTP/1.1\r\nHost: door\r\nIdempotency-Key: 1\r\nContent-Length: 4\r\nConnection: close\r\n';
    const server = await enter(() => {});
    server.on('checkContinue', (req, res) => {
      res.writeContinue();
      req.once('data', () => leave().then(() => enter((next, answer) => next.pipe(answer))));
    });
    const socket = connect(port, '127.0.0.1').setEncoding('utf8');
    socket.write(`${head}Expect: 100-continue\r\n\r\n`);
    const [first] = await once(socket, 'data');
    expect(first).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('body');
    expect(await text(socket)).to.match(/\r\nbody\r\n0\r\n\r\n$/);
  });

  it('refuses what has waited for twenty seconds, whether its body came meanwhile or not', async () => {
    const answers = await Promise.all([send(url()), send(url(), { method: 'POST', body: BODY })]);
    for (const answer of answers) expect(answer).to.include({ status: 503, text: 'nobody' });
  });

  it('tells the service when a client leaves, and forgets one that leaves while it waits', async () => {
    const gone = new AbortController();
    const waiting = fetch(url('/waits'), { method: 'POST', signal: gone.signal }).catch(() => 'gone');
    // Nothing shows that it waits, or has left.
    await sleep(200);
    gone.abort();
    expect(await waiting).to.equal('gone');
    await sleep(200);

    const asked: (string | undefined)[] = [];
    let isClosed = false;
    await enter((req) => {
      asked.push(req.url);
      req.socket.once('close', () => {
        isClosed = true;
      });
    });
    const leaving = new AbortController();
    const asking = fetch(url('/stays'), { signal: leaving.signal }).catch(() => 'gone');
    await until(() => asked.length > 0);
    leaving.abort();
    expect(await asking).to.equal('gone');
    await until(() => isClosed);
    expect(asked).to.deep.equal(['/stays']);
  });

  it('leads to other protocols, and to what the service says of a request that is none', async () => {
    const server = await enter((_req, res) => res.end());
    server.on('upgrade', (_req, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    server.on('clientError', (_error, socket) => socket.end('HTTP/1.1 400 Of The Service\r\n\r\n'));
    const { socket, said } = open();
    socket.write('GET / HTTP/1.1\r\nHost: door\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
    await until(() => said().includes('101 Switching'));
    socket.write('echoed');
    await until(() => said().endsWith('echoed'));
    socket.destroy();

    expect(await say('NONSENSE\r\n\r\n')).to.equal('HTTP/1.1 400 Of The Service\r\n\r\n');
  });

  it('lets go of connections that both sides have left', async () => {
    const server = await enter((_req, res) => res.end());
    const connections = () => new Promise<number>((done) => server.getConnections((_error, count) => done(count)));
    for (let round = 0; round < 50; round++) await send(url(), { headers: { connection: 'close' } });
    await until(async () => (await connections()) === 0);
    expect((server.address() as AddressInfo).port).to.equal(inside);
  });
});
