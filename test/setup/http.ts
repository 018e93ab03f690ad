import { once } from 'node:events';
import { createServer, type RequestListener, Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  url: string;
  port: number;
  close(): Promise<void>;
}

/** Serves an app, or starts a server, on a free port. */
export async function listen(app: RequestListener | Server, port = 0, host = '127.0.0.1'): Promise<Running> {
  const server = (app instanceof Server ? app : createServer(app)).listen(port, host);
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** When a service's process has started, as its metrics say it: another one is another process. */
export async function processStart(url: string): Promise<string | undefined> {
  const { text } = await send(`${url}/metrics`);
  return /^process_start_time_seconds .*$/m.exec(text)?.[0];
}

export interface Answer {
  status: number;
  headers: Headers;
  type: string | null;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects to be there
  body: any;
}

export interface Sent {
  method?: string;
  headers?: Record<string, string>;
  /** A string is sent as it is, anything else as JSON. */
  body?: unknown;
}

export async function send(url: string, { method = 'GET', headers, body }: Sent = {}): Promise<Answer> {
  const answer = await fetch(url, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.text();
  const type = answer.headers.get('content-type');
  return {
    status: answer.status,
    headers: answer.headers,
    type,
    text,
    body: type?.includes('json') && text !== '' && JSON.parse(text),
  };
}

/** Sends bytes as they are, which fetch would tidy up, and returns all that comes until the server closes. */
export async function sendRaw(port: number, request: string | Buffer): Promise<{ status: number; text: string }> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  // Answered before it was all sent, a request that is too long also gets a reset.
  socket.on('error', () => {}).write(request);
  await new Promise((done) => socket.once('close', done));
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text };
}

/** Waits until `condition` returns something, or stops throwing; fails with its last error after 30 s. */
export async function until<T>(condition: () => T | Promise<T>): Promise<Exclude<T, false | null | undefined>> {
  for (const end = Date.now() + 30_000; ; await sleep(20)) {
    try {
      const result = await condition();
      if (result) return result as Exclude<T, false | null | undefined>;
      if (Date.now() > end) throw new Error(`never true: ${condition}`);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** A JSON answer, or undefined while there is none. By a new connection: one that is open survives a closed way. */
export async function getJson<T>(url: string): Promise<T | undefined> {
  const options = { headers: { connection: 'close' }, signal: AbortSignal.timeout(2000) };
  const answer = await fetch(url, options).catch(() => undefined);
  return answer?.ok ? ((await answer.json()) as T) : undefined;
}
