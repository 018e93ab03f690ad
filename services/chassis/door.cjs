/**
 * Keeps a service's port in development, so that no save fails a request: requests wait until the service, which
 * listens at another port, has started anew. An HTTP proxy that leaves limits, and what is to be refused, to the service.
 */
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');

/** How far the service's own port is from the one that others know, where that is free. */
const DISTANCE = 10_000;
const HOST = '127.0.0.1';
const POLL_MS = 2;
/** How long a request waits for a service that neither listens nor ends. */
const PATIENCE_MS = 20_000;
/** What is kept of a request's body, in bytes, to send it again. */
const MAX_KEPT = 128 * 1024;
const maxHeaderSize = 256 * 1024;
const LIMITS = {
  maxHeaderSize,
  requireHostHeader: false,
  requestTimeout: 0,
  headersTimeout: 0,
  keepAliveTimeout: 75_000,
};

/** What may be sent again (RFC 9110, 9.2.2); so may what says it by its key. */
const IDEMPOTENT = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'];
const BODILESS = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE'];
/** Of a connection, not of a message (RFC 9110, 7.6.1). */
const CONNECTION = ['connection', 'keep-alive'];

/**
 * Listens at `port` and leads each request to the service, whenever that listens; `onService` is called each time that
 * it takes one. `refuse` answers a request that has waited too long.
 * @returns the port that the service is to listen at @throws when `port` is taken
 */
exports.openDoor = async (port, onService, refuse) => {
  const server = http.createServer(LIMITS);
  await listening(server, port);
  const inside = await findFree((port + DISTANCE) % 2 ** 16);
  const entrance = new Entrance(inside, onService);
  const lead = (req, res) => new Exchange(req, res, entrance, refuse).send();
  const connect = (req, client, head) => tunnel(client, [headOf(req), head], entrance);
  server.on('request', lead).on('checkContinue', lead).on('checkExpectation', lead);
  server.on('upgrade', connect).on('connect', connect);
  // It is the service that says what is wrong.
  server.on('clientError', ({ rawPacket }, client) =>
    rawPacket ? tunnel(client, [rawPacket], entrance) : client.destroy(),
  );
  return inside;
};

/** Where the service listens, sooner or later. */
class Entrance {
  #waiting = new Set();
  #timer;

  constructor(port, onService) {
    this.port = port;
    this.onService = onService;
  }

  /** Calls `enter` when the service listens, or `giveUp` when it does not until `end`. One looks for all. */
  wait(enter, giveUp, end = Date.now() + PATIENCE_MS) {
    const visitor = { enter, giveUp, end };
    this.#waiting.add(visitor);
    this.#timer ??= setTimeout(() => this.#look(), POLL_MS);
    return () => this.#waiting.delete(visitor);
  }

  async #look() {
    const isOpen = await connects(this.port);
    this.#timer = undefined;
    for (const visitor of this.#waiting) {
      if (!isOpen && Date.now() < visitor.end) continue;
      this.#waiting.delete(visitor);
      isOpen ? visitor.enter() : visitor.giveUp();
    }
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#look(), POLL_MS);
  }
}

/** A request and its answer. */
class Exchange {
  #req;
  #res;
  #entrance;
  #refuse;
  /** What there is of the body so far, while it is not too much. */
  #kept = [];
  #length = 0;
  #isWhole = false;
  /** The request to the service; while the client waits for one, undefined. */
  #out;
  #isAnswered = false;
  /** Until when it is sent again at most, however often the service leaves it. */
  #patience;
  #leave = () => {};

  constructor(req, res, entrance, refuse) {
    this.#req = req;
    this.#res = res;
    this.#entrance = entrance;
    this.#refuse = refuse;
    res.sendDate = false;
    req.on('data', (chunk) => this.#take(chunk)).on('end', () => setImmediate(() => this.#end()));
    req.pause().on('error', () => {});
    res.once('close', () => {
      this.#leave();
      if (!res.writableFinished) this.#out?.destroy();
    });
  }

  send() {
    const { method, url: path } = this.#req;
    const headers = requestHeaders(this.#req);
    const out = http.request({
      host: HOST,
      port: this.#entrance.port,
      method,
      path,
      headers,
      maxHeaderSize,
      agent: false,
    });
    let isTaken = false;
    out.once('socket', (socket) =>
      socket.once('connect', () => {
        isTaken = true;
        this.#entrance.onService();
        this.#deliver(out);
      }),
    );
    out
      .on('continue', () => this.#res.writeContinue())
      .on('drain', () => this.#req.resume())
      .once('response', (answer) => this.#answer(answer))
      .on('error', () => this.#failed(!isTaken))
      .on('close', () => this.#isAnswered && this.#req.resume());
  }

  #deliver(out) {
    this.#out = out;
    out.flushHeaders();
    for (const chunk of this.#kept) out.write(chunk);
    if (this.#isWhole) out.end();
    else this.#req.resume();
  }

  /** In the next turn an early answer has been read, which a write would lose to the end of the connection. */
  #take(chunk) {
    this.#req.pause();
    setImmediate(() => this.#hand(chunk));
  }

  #hand(chunk) {
    this.#length += chunk.length;
    const isTooLong = this.#length > MAX_KEPT;
    this.#kept = isTooLong ? [] : [...this.#kept, chunk];
    if (isTooLong && !this.#out) return this.#cut();
    // After an early answer, the client says the rest to nobody.
    if (this.#out?.destroyed || this.#out?.write(chunk)) this.#req.resume();
  }

  #end() {
    this.#isWhole = true;
    this.#out?.end();
  }

  #answer(answer) {
    this.#isAnswered = true;
    const { statusCode, statusMessage } = answer;
    this.#res.writeHead(statusCode, statusMessage, without([...CONNECTION, 'transfer-encoding'], answer.rawHeaders));
    this.#res.flushHeaders();
    answer.on('error', () => this.#cut());
    answer.once('end', () => {
      if (answer.rawTrailers.length > 0) this.#res.addTrailers(pairs(answer.rawTrailers));
    });
    answer.pipe(this.#res);
  }

  /** Nobody takes it, or it got no answer: then it is sent again if that does no harm. */
  #failed(isNew) {
    if (this.#isAnswered || this.#res.destroyed) return;
    this.#out = undefined;
    this.#req.pause();
    if (!isNew && !this.#mayRepeat) return this.#cut();
    this.#patience ??= Date.now() + PATIENCE_MS;
    this.#leave = this.#entrance.wait(
      () => this.send(),
      () => this.#refuse(this.#req, this.#res),
      this.#patience,
    );
  }

  get #mayRepeat() {
    const { method, headers } = this.#req;
    return this.#length <= MAX_KEPT && (IDEMPOTENT.includes(method) || headers['idempotency-key'] !== undefined);
  }

  #cut() {
    this.#req.socket.destroy();
  }
}

/** Hands on what either side says, after these bytes, whatever it is. */
function tunnel(client, bytes, entrance) {
  client.on('error', () => {});
  const leave = entrance.wait(
    () => {
      const service = net.connect({ port: entrance.port, host: HOST, allowHalfOpen: true }, entrance.onService);
      service.on('error', () => client.destroy()).once('close', () => client.end());
      client.once('close', () => service.destroy());
      for (const chunk of bytes) service.write(chunk);
      client.pipe(service).pipe(client);
    },
    () => client.destroy(),
  );
  client.once('close', leave);
}

function headOf({ method, url, httpVersion, rawHeaders }) {
  const lines = pairs(rawHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${url} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`;
}

/** With what HTTP/1.0 may leave out; and without a length, Node.js would say that a body comes in chunks. */
function requestHeaders({ method, httpVersion, rawHeaders, headers }) {
  const hasLength = 'content-length' in headers || 'transfer-encoding' in headers || BODILESS.includes(method);
  const hasHost = 'host' in headers || httpVersion !== '1.0';
  return [
    ...without(CONNECTION, rawHeaders),
    ...(hasLength ? [] : ['content-length', '0']),
    ...(hasHost ? [] : ['host', '']),
  ];
}

const without = (names, raw) =>
  pairs(raw)
    .filter(([name]) => !names.includes(name.toLowerCase()))
    .flat();

const pairs = (raw) => raw.flatMap((name, at) => (at % 2 === 0 ? [[name, raw[at + 1]]] : []));

async function connects(port) {
  const socket = net.connect({ port, host: HOST });
  return once(socket, 'connect')
    .then(() => true)
    .catch(() => false)
    .finally(() => socket.destroy());
}

async function listening(server, port, host) {
  server.listen(port, host);
  await once(server, 'listening');
}

/** `wanted`, or another port. */
async function findFree(wanted) {
  const server = net.createServer();
  await listening(server, wanted, HOST).catch(() => listening(server, 0, HOST));
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
