/**
 * Traces, for the doors to ask: what comes in, goes out, or goes to the database. They are on where
 * OTEL_EXPORTER_OTLP_ENDPOINT says where they go; else nothing of OpenTelemetry is loaded, and a door costs a branch.
 */
import * as v from 'valibot';
import { loadConfig, urlSuchAs } from './config.ts';
import { requestOfNow } from './deadline.ts';
import type { Logger } from './logger.ts';
import type { Tracing } from './spans.ts';

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'].flatMap((name) => [name, `parentbased_${name}`]);

/** What the chassis itself reads of https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
const Variables = {
  OTEL_EXPORTER_OTLP_ENDPOINT: v.optional(urlSuchAs('http://jaeger:4318')),
  OTEL_BSP_SCHEDULE_DELAY: v.optional(v.pipe(v.string(), v.regex(/^\d{1,9}$/, 'must be a number of ms')), '1000'),
  OTEL_TRACES_SAMPLER: v.optional(v.picklist(SAMPLERS)),
  OTEL_TRACES_SAMPLER_ARG: v.optional(v.pipe(v.string(), v.regex(/^(0|1|0?\.\d+|1\.0+)$/, 'must be from 0 to 1'))),
};

export const isTraced = Boolean(process.env.OTEL_EXPORTER_OTLP_ENDPOINT);

/** Undefined where traces are off. */
export let tracing: Tracing | undefined;

/** @throws {Fault} when a variable of OpenTelemetry is not usable */
export function startTracing(service: string, logger: Logger): void {
  if (!isTraced) return;
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint = '', OTEL_BSP_SCHEDULE_DELAY: delay } = loadConfig(Variables);
  const { Tracing } = require('./spans.ts') as typeof import('./spans.ts');
  tracing = new Tracing(service, endpoint, Number(delay), logger);
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
