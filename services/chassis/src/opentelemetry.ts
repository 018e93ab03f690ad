/** OpenTelemetry's SDK, which gathers spans that have ended and sends them. It is loaded when there are some. */
import { hostname } from 'node:os';
import type { HrTime } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { explain } from './health.ts';
import type { Logger } from './logger.ts';
import type { Span } from './spans.ts';

export type Sender = ReturnType<typeof createSender>;

/**
 * The SDK reads OpenTelemetry's own variables, also the address that `endpoint` is for the log:
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function createSender(service: string, endpoint: string, batchMs: number, logger: Logger) {
  const exporter = new Exporter(endpoint, logger);
  const processor = new BatchSpanProcessor(exporter, { scheduledDelayMillis: batchMs });
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': service, 'host.name': hostname() }))
    .merge(detectResources({ detectors: [envDetector] }));
  // That a batch is lost, the exporter says itself.
  setGlobalErrorHandler(() => {});
  return {
    add: (span: Span): void => processor.onEnd(toReadable(span, resource)),
    /** Sends what waits, once and for all. Nothing does when nothing arrives anyway. */
    end: async (): Promise<void> => {
      if (!exporter.isCutOff) await processor.shutdown().catch(() => {});
    },
  };
}

const UNSET = 0;
const ERROR = 2;
const SAMPLED = 1;

function toReadable(span: Span, resource: Resource): ReadableSpan {
  const { name, kind, traceId, id, parentId, start, end, attributes, error } = span;
  const contextOf = (spanId: string) => ({ traceId, spanId, traceFlags: SAMPLED });
  return {
    name,
    kind,
    spanContext: () => contextOf(id),
    ...(parentId && { parentSpanContext: contextOf(parentId) }),
    startTime: toTime(start),
    endTime: toTime(end),
    duration: toTime(end - start),
    status: { code: error === undefined ? UNSET : ERROR },
    attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined)),
    events: error instanceof Error ? [toEvent(error, toTime(end))] : [],
    links: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'chassis' },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  };
}

const toTime = (ms: number): HrTime => [Math.floor(ms / 1000), Math.floor((ms % 1000) * 1e6)];

/** https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/ */
function toEvent({ name, message, stack = '' }: Error, time: HrTime): ReadableSpan['events'][number] {
  const attributes = { 'exception.type': name, 'exception.message': message, 'exception.stacktrace': stack };
  return { name: 'exception', time, attributes };
}

/** Says once that nothing arrives, and once that it does again. */
class Exporter extends OTLPTraceExporter {
  isCutOff = false;
  readonly #endpoint: string;
  readonly #logger: Logger;

  constructor(endpoint: string, logger: Logger) {
    super();
    this.#endpoint = endpoint;
    this.#logger = logger;
  }

  override export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    super.export(spans, (result) => {
      this.#note(result);
      done(result);
    });
  }

  #note({ code, error }: ExportResult): void {
    const wasCutOff = this.isCutOff;
    this.isCutOff = code === ExportResultCode.FAILED;
    const reason = explain(error);
    if (this.isCutOff && !wasCutOff) this.#logger.warn({ reason }, `traces do not reach ${this.#endpoint}: ${reason}`);
    if (wasCutOff && !this.isCutOff) this.#logger.info(`traces reach ${this.#endpoint} again`);
  }
}
