import { randomUUID } from 'node:crypto';
import {
  createServer as createHttpServer,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from './logger.ts';
import { countRequest } from './metrics.ts';
import { Problem, render, sendProblem } from './problem.ts';

/** Longer than a load balancer keeps idle connections (60 s is the common default), so that it is never us who close first. */
const KEEP_ALIVE_MS = 65_000;
/** How long a request may take to come in, headers and body. */
const REQUEST_MS = 15_000;
/** How often Node looks whether one has taken longer. */
const CHECK_MS = 1000;
/** How many requests of one connection may be under way. Browsers send one, tools that pipeline some dozen. */
const MAX_PIPELINED = 100;

/** What each kind of broken request is told; Node's names for them: https://nodejs.org/docs/latest/api/http.html#event-clienterror */
const PROBLEMS: Record<string, Problem> = {
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(408, `The request did not come in within ${REQUEST_MS / 1000} s`),
  HPE_HEADER_OVERFLOW: new Problem(431, 'The headers are larger than 16 kB'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new Problem(413, 'The chunk extensions are too large'),
};
const NO_PROXY = new Problem(400, 'This is no proxy');
const NOT_HTTP = new Problem(400, 'This is not valid HTTP');

interface Connection {
  /** The answers that are not out yet, in the order of their requests. */
  answers: ServerResponse[];
  /** The answer to the newest request. */
  last?: ServerResponse;
}

/**
 * An HTTP server for clients of all kinds: slow ones are told so, and what is no HTTP gets problem details as well. The
 * requests of one connection are handled one after the other, each when the answer before it has been taken; Node
 * handles all at once, and keeps the answers until the client reads them. In this order they have to be answered
 * anyway, and those that change something also to be handled (RFC 9112, 9.3.2).
 */
export function createServer(app: RequestListener, logger: Logger): Server {
  const connections = new WeakMap<Socket, Connection>();
  const server = createHttpServer({
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS,
    headersTimeout: REQUEST_MS,
    connectionsCheckingInterval: CHECK_MS,
    // Node's own answer to a request without one has no body; the chassis refuses it.
    requireHostHeader: false,
  });

  function connectionOf(socket: Socket): Connection {
    const connection = connections.get(socket) ?? { answers: [] };
    connections.set(socket, connection);
    return connection;
  }

  const receive: RequestListener = (req, res) => {
    const { socket } = req;
    const connection = connectionOf(socket);
    if (connection.answers.length === MAX_PIPELINED) socket.destroy();
    if (socket.destroyed) return;
    connection.last = res;
    connection.answers.push(res);
    res.once('close', () => {
      connection.answers.shift();
      handleFirst(connection);
    });
    if (connection.answers.length === 1) handleFirst(connection);
  };

  function handleFirst({ answers: [res] }: Connection): void {
    if (!res || res.writableEnded || res.req.socket.destroyed) return;
    res.req.url = withoutHost(res.req.url ?? '');
    app(res.req, res);
  }

  server.on('request', receive);
  // An expectation that we don't know may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', receive);
  server.on('connect', (_req, socket) => {
    refuse(socket as Socket, NO_PROXY, logger, 'CONNECT');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, duplex) => {
    const socket = duplex as Socket;
    const { answers, last } = connectionOf(socket);
    const [current] = answers;
    const problem = PROBLEMS[error.code ?? ''] ?? NOT_HTTP;
    // A client that has left in the middle of its request waits for no answer.
    if (current && error.code === 'HPE_INVALID_EOF_STATE') socket.destroy();
    // The rest of the request that is being handled, and somebody waits for it.
    else if (current?.req.readableFlowing && !current.req.complete && !current.headersSent)
      sendProblem(closing(current), problem);
    // A rest that nobody reads, or what follows it: is dropped with the connection once this answer is out.
    else if (current && !current.headersSent) closing(current);
    else if (current || (last && !last.req.complete) || !socket.writable) socket.destroy();
    else refuse(socket, problem, logger, error.message);
  });
  return server;
}

/** A target may start with a host (RFC 9112, 3.2.2), and Express runs nothing at all for one in which it finds no path. */
function withoutHost(target: string): string {
  return target.replace(/^[a-z]+:\/\/[^/?#]*\/?/i, '/');
}

function closing(res: ServerResponse): ServerResponse {
  return res.setHeader('connection', 'close');
}

/** Answers what never became a request. A connection that has sent nothing, such as a browser's spare one, is only closed. */
function refuse(socket: Socket, problem: Problem, logger: Logger, reason: string): void {
  if (socket.bytesRead === 0) return void socket.destroy();
  const requestId = randomUUID();
  const { status, headers, body } = render(problem, requestId);
  const lines = Object.entries({ ...headers, 'x-request-id': requestId, connection: 'close' });
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines.map(([name, value]) => `${name}: ${value}`)];
  socket.on('error', () => {}).write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
  logger.info({ requestId, res: { statusCode: status }, reason }, 'request refused');
  void countRequest({ status, seconds: 0 });
}
