/**
 * The spans of a service, named by OpenTelemetry's conventions (https://opentelemetry.io/docs/specs/semconv/) and handed
 * to its SDK once they have ended. They begin without it: it takes longer to load than a save may wait.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attributes } from '@opentelemetry/api';
import type { Request } from 'express';
import type { Logger } from './logger.ts';
import type { Sender } from './opentelemetry.ts';

/** How many spans wait for the SDK at most: as many as then wait in it. */
const MAX_WAITING = 2048;
/** What the SDK takes to load, at most, when it has a CPU to itself. */
const LOADING_MS = 200;

/** Numbers and times as the SDK has them, in ms since 1970. */
export interface Span {
  name: string;
  kind: number;
  traceId: string;
  id: string;
  parentId: string | undefined;
  /** What all spans of the trace in this service have in common: whether they are kept, and what is handed on. */
  context: { isSampled: boolean; tracestate?: string | undefined; baggage?: string | undefined };
  start: number;
  end: number;
  attributes: Attributes;
  error?: unknown;
}

const KIND = { internal: 0, server: 1, client: 2 } as const;

/** https://www.w3.org/TR/trace-context/#traceparent-header: trace, parent and flags, of which the last bit means sampled. */
const TRACEPARENT = /^(?!ff|00.{54})[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:-|$)/;

const now = (): number => performance.timeOrigin + performance.now();
const newId = (bytes: number): string => randomBytes(bytes).toString('hex');

export class Tracing {
  readonly #active = new AsyncLocalStorage<Span>();
  readonly #batchMs: number;
  readonly #load: () => Promise<Sender>;
  #waiting: Span[] = [];
  #sender: Sender | undefined;
  #loading: Promise<Sender> | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Spans wait `batchMs` for others, the first ones also for the SDK. */
  constructor(service: string, endpoint: string, batchMs: number, logger: Logger) {
    this.#batchMs = batchMs;
    this.#load = async () => (await import('./opentelemetry.ts')).createSender(service, endpoint, batchMs, logger);
  }

  idsOfNow(): { trace_id: string; span_id: string } | undefined {
    const span = this.#active.getStore();
    return span && { trace_id: span.traceId, span_id: span.id };
  }

  contextHeaders(): Record<string, string> {
    const span = this.#active.getStore();
    if (!span) return {};
    const { isSampled, tracestate, baggage } = span.context;
    return {
      traceparent: `00-${span.traceId}-${span.id}-${isSampled ? '01' : '00'}`,
      ...(tracestate && { tracestate }),
      ...(baggage && { baggage }),
    };
  }

  /** Of a request that comes in, in its caller's trace or in a new one. */
  request({ method, path, protocol, hostname, headers }: Request): ActiveSpan {
    const attributes = {
      'http.request.method': method,
      'url.scheme': protocol,
      'url.path': path,
      'server.address': hostname,
    };
    return this.#begin(method, KIND.server, attributes, contextOf(headers));
  }

  /** Of a request to another service. */
  async call(method: string, url: string, send: () => Promise<Response>): Promise<Response> {
    const { hostname, port, protocol } = new URL(url);
    const span = this.#beginChild(method, KIND.client, {
      'http.request.method': method,
      'url.full': url,
      'server.address': hostname,
      'server.port': Number(port) || (protocol === 'https:' ? 443 : 80),
    });
    if (!span) return send();
    try {
      const answer = await span.run(send);
      span.end({ 'http.response.status_code': answer.status }, answer.status >= 500 ? answer.status : undefined);
      return answer;
    } catch (error) {
      span.end({}, error);
      throw error;
    }
  }

  /** Of a statement; its values are not part of `text`. */
  statement(text: string, database: Attributes): ActiveSpan | undefined {
    const operation = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase();
    const name = [operation, database['db.namespace']].filter(Boolean).join(' ');
    const attributes = { ...database, 'db.query.text': text, 'db.operation.name': operation };
    return this.#beginChild(name, KIND.client, attributes);
  }

  /** Of the wait for a connection of the pool. */
  connection(database: Attributes): ActiveSpan | undefined {
    return this.#beginChild('pool.connect', KIND.internal, database);
  }

  /** Sends what waits, once and for all. In less than the SDK takes to load, that is not begun: a save would wait for it. */
  async end(ms: number): Promise<void> {
    if (this.#waiting.length > 0 && ms > LOADING_MS) await this.#hand();
    await Promise.race([this.#sender?.end(), sleep(ms)]);
  }

  /** Of a part of a trace. What no request has asked for, such as a loop's work, is in none. */
  #beginChild(name: string, kind: number, attributes: Attributes): ActiveSpan | undefined {
    const parent = this.#active.getStore();
    return parent && this.#begin(name, kind, attributes, { ...parent, parentId: parent.id });
  }

  #begin(name: string, kind: number, attributes: Attributes, parent: Parent): ActiveSpan {
    const { traceId, parentId, context } = parent;
    const span: Span = { name, kind, traceId, id: newId(8), parentId, context, start: now(), end: 0, attributes };
    return {
      traceId,
      run: (work) => this.#active.run(span, work),
      end: (more = {}, error) => {
        const route = more['http.route'];
        const fault = error === undefined ? {} : { 'error.type': typeOf(error) };
        Object.assign(span, { end: now(), error, attributes: { ...attributes, ...fault, ...more } });
        if (route) span.name = `${name} ${route}`;
        // What the SDK does later, and says of it, belongs to no request.
        if (context.isSampled) this.#active.exit(() => this.#keep(span));
      },
    };
  }

  #keep(span: Span): void {
    if (this.#sender) this.#sender.add(span);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(span);
    this.#timer ??= setTimeout(() => void this.#hand(), this.#batchMs).unref();
  }

  async #hand(): Promise<void> {
    this.#loading ??= this.#load();
    this.#sender = await this.#loading;
    for (const span of this.#waiting.splice(0)) this.#sender.add(span);
  }
}

/** A span that has begun. */
export interface ActiveSpan {
  traceId: string;
  /** What `work` does, and says in the log, belongs to the span. */
  run<T>(work: () => T): T;
  /** With an error, which may also be an answer's status, the span is marked. */
  end(attributes?: Attributes, error?: unknown): void;
}

type Parent = Pick<Span, 'traceId' | 'parentId' | 'context'>;

function contextOf({ traceparent = '', tracestate, baggage }: IncomingHttpHeaders): Parent {
  const [, given, parentId, flags] = TRACEPARENT.exec(String(traceparent)) ?? [];
  const isSampled = flags === undefined ? undefined : (Number.parseInt(flags, 16) & 1) === 1;
  const traceId = given ?? newId(16);
  const handedOn = { baggage: baggage?.toString(), ...(given && { tracestate: tracestate?.toString() }) };
  return { traceId, parentId, context: { isSampled: isKept(traceId, isSampled), ...handedOn } };
}

/** By OTEL_TRACES_SAMPLER: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
function isKept(traceId: string, byParent: boolean | undefined): boolean {
  const { OTEL_TRACES_SAMPLER: sampler = 'parentbased_always_on', OTEL_TRACES_SAMPLER_ARG: ratio = '1' } = process.env;
  if (sampler.startsWith('parentbased') && byParent !== undefined) return byParent;
  if (sampler.endsWith('traceidratio')) return Number.parseInt(traceId.slice(-8), 16) < Number(ratio) * 2 ** 32;
  return !sampler.endsWith('always_off');
}

/** A short name: an answer's status, what the system or PostgreSQL calls it, or the class. */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  return String(code ?? cause?.code ?? error.name);
}
