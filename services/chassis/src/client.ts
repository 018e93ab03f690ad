import { setTimeout as sleep } from 'node:timers/promises';
import type { GenericSchema, InferInput } from 'valibot';
import { type Body, type Contract, type Operation, split } from './api.ts';
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

/** What a service answers to, such as `Api` of its app.ts. */
export type Contracts = Record<Operation, Contract>;
type Part = 'params' | 'query' | 'headers' | 'body';
type Input<Schema> = Schema extends GenericSchema ? InferInput<Schema> : never;
/** The parts of a contract that a request has to have, and those that it may leave out; without a body it has no JSON. */
type Needed<C> = {
  [P in keyof C & Part]: P extends 'body' ? P : object extends Input<C[P]> ? never : P;
}[keyof C & Part];
type Parts<C> = { [P in Needed<C>]: Input<C[P]> } & { [P in Exclude<keyof C & Part, Needed<C>>]?: Input<C[P]> };

/** A request as its contract has it; the answers with a status in `expect` are those that the caller can do with. */
type Question<C extends Contract, Status> = Parts<C> & Pick<Call, 'requestId' | 'idempotent'> & { expect: Status[] };

/** An answer: its status tells of what kind its body is. */
type Expected<C extends Contract, Status> = Status extends keyof C['answers']
  ? {
      status: Status;
      headers: Headers;
      body: `${Status & number}` extends `${4 | 5}${string}` ? Detailed : Body<C['answers'][Status]>;
    }
  : never;

/** Problem details (RFC 9457), as `Problem` sends them. */
interface Detailed {
  status: number;
  detail: string;
  [extension: string]: unknown;
}

/** The parts as they are sent. */
interface Filled {
  params?: Record<string, unknown>;
  query?: Record<string, string | string[]>;
  headers?: Record<string, string>;
  body?: unknown;
}

/** Another service, whatever its contracts. */
export type Callee = Pick<ServiceClient, 'name' | 'url' | 'call'>;

type Sending = RequestInit & { method: string; headers: Record<string, string> };

/** Another service, by the address that the environment gives. Of one whose contracts are known, `ask` knows the types. */
export class ServiceClient<Api extends Contracts = Contracts> {
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

  /**
   * Asks for an operation by its contract.
   * @returns the answer, of a status in `expect`
   * @throws {Problem} as `call` does, and 503 for any other answer
   */
  async ask<Name extends keyof Api & Operation, const Status extends keyof Api[Name]['answers']>(
    operation: Name,
    question: Question<Api[Name], Status>,
  ): Promise<Expected<Api[Name], Status>> {
    const { params = {}, query, headers, body, expect, ...rest } = question as Question<Contract, Status> & Filled;
    const [method, path] = split(operation);
    const search = searchOf(present(query));
    const target = path.replace(/:(\w+)/g, (_, name) => segment(params[name]));
    const answer = await this.call(search ? `${target}?${search}` : target, {
      ...{ method: method.toUpperCase(), headers: present(headers), body },
      ...rest,
    });
    const { status } = answer;
    const unlike = (error?: unknown): Problem => new Problem(503, `${this.name} answers ${status}`, {}, error);
    if (!(expect as PropertyKey[]).includes(status)) throw unlike();
    const content = await contentOf(answer).catch((error) => Promise.reject(unlike(error)));
    return { status, headers: answer.headers, body: content } as Expected<Api[Name], Status>;
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

/** The fields that are there: sent as text, undefined would be a word. */
const present = <T>(fields: Record<string, T> = {}): Record<string, T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** A list has its name before each item. */
function searchOf(query: Record<string, string | string[]>): string {
  const search = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) for (const value of [values].flat()) search.append(name, value);
  return search.toString();
}

/** A parameter in a path. @throws {Problem} 400 for what would lead to another route */
function segment(value: unknown): string {
  const text = String(value);
  if (['', '.', '..'].includes(text)) throw new Problem(400, `"${text}" can't be a part of a path`);
  return encodeURIComponent(text);
}

/** What comes with an answer. @throws {Error} when that is not JSON, or of an error not a problem */
async function contentOf(answer: Response): Promise<unknown> {
  const isError = answer.status >= 400;
  if (!answer.body && !isError) return undefined;
  const type = answer.headers.get('content-type')?.split(';')[0];
  if (type !== (isError ? 'application/problem+json' : 'application/json')) throw new Error(`It sends ${type}`);
  return answer.json();
}

/** Why there was no answer. */
function typeOf(error: unknown): string {
  return error instanceof Problem && error.status === 504 ? 'timeout' : 'unreachable';
}
