import { setTimeout as sleep } from 'node:timers/promises';
import { TIMEOUT_HEADER, timeForCall } from './deadline.ts';
import { countCall } from './metrics.ts';
import { Problem } from './problem.ts';
import { contextHeaders, tracing } from './trace.ts';

/** Pauses between attempts. A killed pod's address is handed out for a second or two more. */
export const RETRY_MS = [50, 100, 200, 400, 800, 1600];

export interface Call {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Travels along as X-Request-Id. */
  requestId: unknown;
  /** May the call be sent twice? By default where HTTP says so (RFC 9110, 9.2.2). */
  idempotent?: boolean;
}

type Sending = RequestInit & { method: string; headers: Record<string, string> };

/** Another service, by the address that the environment gives. */
export class ServiceClient {
  readonly name: string;
  readonly url: string;
  readonly #pauses: number[];

  constructor(name: string, url: string, pauses = RETRY_MS) {
    this.name = name;
    this.url = url;
    this.#pauses = pauses;
  }

  /**
   * Sends a request and returns the answer, whatever its status. A call that may be repeated is, when the
   * connection fails: pods come and go. It has less time than its caller has, and says so to the callee.
   * @throws {Problem} 503 when the service can't be reached, 504 when it doesn't answer in time
   */
  async call(path: string, { method = 'GET', headers, body, requestId, idempotent }: Call): Promise<Response> {
    const init: Sending = {
      method,
      headers: {
        ...headers,
        'x-request-id': String(requestId),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      // A redirect is an answer like others: only the caller knows where it may go.
      redirect: 'manual',
    };
    const repeatable = idempotent ?? ['GET', 'HEAD', 'PUT', 'DELETE'].includes(method);
    const end = performance.now() + timeForCall();
    const answer = this.#send(`${this.url}${path}`, init, end, repeatable ? this.#pauses : []);
    void countCall(this.name, method, answer, typeOf);
    return answer;
  }

  async #send(url: string, init: Sending, end: number, [pause, ...pauses]: number[]): Promise<Response> {
    const left = (): number => Math.max(0, Math.floor(end - performance.now()));
    if (left() === 0) throw new Problem(504, `No time was left to ask ${this.name}`);
    try {
      const exchange = async (): Promise<Response> => {
        const headers = { ...init.headers, ...contextHeaders(), [TIMEOUT_HEADER]: String(left()) };
        const answer = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(left()) });
        // Read here: an answer that breaks off is a connection that fails, too.
        const body = await answer.arrayBuffer();
        return new Response(body.byteLength > 0 ? body : null, answer);
      };
      return await (tracing?.call(init.method, url, exchange) ?? exchange());
    } catch (error) {
      const problem = (status: number, words: string) => new Problem(status, `${this.name} ${words}`, {}, error);
      if ((error as Error).name === 'TimeoutError') throw problem(504, 'did not answer in time');
      if (pause === undefined || pause >= left()) throw problem(503, 'is not reachable at the moment');
      await sleep(pause);
      return this.#send(url, init, end, pauses);
    }
  }
}

/** Why there was no answer. */
function typeOf(error: unknown): string {
  return error instanceof Problem && error.status === 504 ? 'timeout' : 'unreachable';
}
