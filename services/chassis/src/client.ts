import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from './problem.ts';

const TIMEOUT_MS = 5000;
/** Pauses between attempts. A killed pod's address is handed out for a second or two more. */
const RETRY_MS = [50, 100, 200, 400, 800, 1600];

export interface Call {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Travels along as X-Request-Id. */
  requestId: unknown;
  /** May the call be sent twice? By default where HTTP says so (RFC 9110, 9.2.2). */
  idempotent?: boolean;
}

/** Another service, by the address that the environment gives. */
export class ServiceClient {
  readonly name: string;
  readonly #url: string;

  constructor(name: string, url: string) {
    this.name = name;
    this.#url = url;
  }

  /**
   * Sends a request and returns the answer, whatever its status. A call that may be repeated is, when the
   * connection fails: pods come and go.
   * @throws {Problem} 503 when the service can't be reached, 504 when it doesn't answer within 5 s
   */
  async call(path: string, { method = 'GET', headers, body, requestId, idempotent }: Call): Promise<Response> {
    const init: RequestInit = {
      method,
      headers: {
        ...headers,
        'x-request-id': String(requestId),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    const repeatable = idempotent ?? ['GET', 'HEAD', 'PUT', 'DELETE'].includes(method);
    return this.#send(`${this.#url}${path}`, init, repeatable ? RETRY_MS : []);
  }

  async #send(url: string, init: RequestInit, [pause, ...pauses]: number[]): Promise<Response> {
    try {
      const answer = await fetch(url, init);
      // Read here: an answer that breaks off is a connection that fails, too.
      const body = await answer.arrayBuffer();
      return new Response(body.byteLength > 0 ? body : null, answer);
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') throw new Problem(504, `${this.name} did not answer in time`);
      if (pause === undefined) throw new Problem(503, `${this.name} is not reachable at the moment`);
      await sleep(pause);
      return this.#send(url, init, pauses);
    }
  }
}
