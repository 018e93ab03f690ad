/**
 * Traces, for the doors to ask: what comes in, goes out, or goes to the database. They are on where
 * OTEL_EXPORTER_OTLP_ENDPOINT says where they go; else nothing of OpenTelemetry is loaded, and a door costs a branch.
 */
import * as v from 'valibot';
import { loadConfig, urlSuchAs } from './config.ts';
import { requestOfNow } from './deadline.ts';
import type { Logger } from './logger.ts';
import type { Tracing } from './opentelemetry.ts';

export const isTraced = Boolean(process.env.OTEL_EXPORTER_OTLP_ENDPOINT);

/** Undefined where traces are off, and until loadTracing() was called. */
export let tracing: Tracing | undefined;

let load = (): Tracing | undefined => undefined;

/** @throws {Fault} when OTEL_EXPORTER_OTLP_ENDPOINT is no URL */
export function prepareTracing(service: string, logger: Logger): void {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = loadConfig({
    OTEL_EXPORTER_OTLP_ENDPOINT: v.optional(urlSuchAs('http://jaeger:4318')),
  });
  if (endpoint === undefined) return;
  load = () => {
    const { Tracing } = require('./opentelemetry.ts') as typeof import('./opentelemetry.ts');
    return new Tracing(service, endpoint, logger);
  };
}

/** Called by the first request, or before it once the service listens: it takes half as long as loading Express. */
export function loadTracing(): Tracing | undefined {
  tracing ??= load();
  return tracing;
}

/** What a log line says of the span that it belongs to. */
export const traceOfLine = (): object => tracing?.idsOfNow() ?? {};

const CONTEXT_HEADERS = ['traceparent', 'tracestate', 'baggage'];

/** What tells a callee which trace it is part of. Where traces are off, what the caller has sent goes on as it is. */
export function contextHeaders(): Record<string, string> {
  if (tracing) return tracing.contextHeaders();
  const given = requestOfNow()?.headers ?? {};
  return Object.fromEntries(CONTEXT_HEADERS.flatMap((name) => (given[name] ? [[name, String(given[name])]] : [])));
}
