/** OpenTelemetry's SDK, and how its semantic conventions call things: https://opentelemetry.io/docs/specs/semconv/ */
import { hostname } from 'node:os';
import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  CompositePropagator,
  type ExportResult,
  ExportResultCode,
  setGlobalErrorHandler,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import type { Request } from 'express';
import { explain } from './health.ts';
import type { Logger } from './logger.ts';

/** How long spans wait for others: who has just sent a request wants to see its trace. */
const BATCH_MS = 1000;

/** A span that has begun. */
export interface Span {
  traceId: string;
  /** What `work` does, and says in the log, belongs to the span. */
  run<T>(work: () => T): T;
  /** With an error, which may also be an answer's status, the span is marked. */
  end(attributes?: Attributes, error?: unknown): void;
}

/** Makes the spans. Also registers the SDK, for whatever else a service does with @opentelemetry/api. */
export class Tracing {
  readonly #tracer: Tracer;
  readonly #provider: BasicTracerProvider;
  readonly #exporter: Exporter;

  /**
   * The SDK reads OpenTelemetry's own variables, also the address that `endpoint` is for the log:
   * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
   */
  constructor(service: string, endpoint: string, logger: Logger) {
    this.#exporter = new Exporter(endpoint, logger);
    const batches = process.env.OTEL_BSP_SCHEDULE_DELAY ? {} : { scheduledDelayMillis: BATCH_MS };
    this.#provider = new BasicTracerProvider({
      resource: defaultResource()
        .merge(resourceFromAttributes({ 'service.name': service, 'host.name': hostname() }))
        .merge(detectResources({ detectors: [envDetector] })),
      spanProcessors: [new BatchSpanProcessor(this.#exporter, batches)],
    });
    this.#tracer = this.#provider.getTracer('chassis');
    trace.setGlobalTracerProvider(this.#provider);
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    const propagators = [new W3CTraceContextPropagator(), new W3CBaggagePropagator()];
    propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
    // That a batch is lost, the exporter says itself.
    setGlobalErrorHandler(() => {});
  }

  idsOfNow(): { trace_id: string; span_id: string } | undefined {
    const span = trace.getActiveSpan()?.spanContext();
    return span && { trace_id: span.traceId, span_id: span.spanId };
  }

  contextHeaders(): Record<string, string> {
    const headers = {};
    propagation.inject(context.active(), headers);
    return headers;
  }

  /** Of a request that comes in, in its caller's trace or in a new one. */
  request({ method, path, protocol, hostname, headers }: Request): Span {
    const attributes = {
      'http.request.method': method,
      'url.scheme': protocol,
      'url.path': path,
      'server.address': hostname,
    };
    return this.#begin(method, SpanKind.SERVER, attributes, propagation.extract(ROOT_CONTEXT, headers));
  }

  /** Of a request to another service. */
  async call(method: string, url: string, send: () => Promise<Response>): Promise<Response> {
    const { hostname, port, protocol } = new URL(url);
    const span = this.#beginChild(method, SpanKind.CLIENT, {
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
  statement(text: string, database: Attributes): Span | undefined {
    const operation = /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase();
    const name = [operation, database['db.namespace']].filter(Boolean).join(' ');
    const attributes = { ...database, 'db.query.text': text, 'db.operation.name': operation };
    return this.#beginChild(name, SpanKind.CLIENT, attributes);
  }

  /** Of the wait for a connection of the pool. */
  connection(database: Attributes): Span | undefined {
    return this.#beginChild('pool.connect', SpanKind.INTERNAL, database);
  }

  /** Sends what waits, once and for all. Nothing does when nothing arrives anyway. */
  async end(): Promise<void> {
    if (!this.#exporter.isCutOff) await this.#provider.shutdown().catch(() => {});
  }

  /** Of a part of a trace. What no request has asked for, such as a loop's work, is in none. */
  #beginChild(name: string, kind: SpanKind, attributes: Attributes): Span | undefined {
    return trace.getActiveSpan() && this.#begin(name, kind, attributes, context.active());
  }

  #begin(name: string, kind: SpanKind, attributes: Attributes, parent: Context): Span {
    const span = this.#tracer.startSpan(name, { kind, attributes }, parent);
    const own = trace.setSpan(parent, span);
    return {
      traceId: span.spanContext().traceId,
      run: (work) => context.with(own, work),
      end(attributes = {}, error) {
        const route = attributes['http.route'];
        if (route) span.updateName(`${name} ${route}`);
        if (error !== undefined)
          span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', typeOf(error));
        if (error instanceof Error) span.recordException(error);
        span.setAttributes(attributes).end();
      },
    };
  }
}

/** A short name: an answer's status, what the system or PostgreSQL calls it, or the class. */
function typeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  return String(code ?? cause?.code ?? error.name);
}

/** Sends spans by OTLP over HTTP, loaded when there are some. Says once that they don't arrive, and once that they do again. */
class Exporter implements SpanExporter {
  isCutOff = false;
  readonly #endpoint: string;
  readonly #logger: Logger;
  #loading: Promise<SpanExporter> | undefined;

  constructor(endpoint: string, logger: Logger) {
    this.#endpoint = endpoint;
    this.#logger = logger;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    const finish = (result: ExportResult): void => {
      this.#note(result);
      done(result);
    };
    this.#load().then(
      (exporter) => exporter.export(spans, finish),
      (error) => finish({ code: ExportResultCode.FAILED, error }),
    );
  }

  async shutdown(): Promise<void> {
    await (await this.#loading)?.shutdown();
  }

  #load(): Promise<SpanExporter> {
    this.#loading ??= import('@opentelemetry/exporter-trace-otlp-http').then(
      ({ OTLPTraceExporter }) => new OTLPTraceExporter(),
    );
    return this.#loading;
  }

  #note({ code, error }: ExportResult): void {
    const wasCutOff = this.isCutOff;
    this.isCutOff = code === ExportResultCode.FAILED;
    const reason = explain(error);
    if (this.isCutOff && !wasCutOff) this.#logger.warn({ reason }, `traces do not reach ${this.#endpoint}: ${reason}`);
    if (wasCutOff && !this.isCutOff) this.#logger.info(`traces reach ${this.#endpoint} again`);
  }
}
