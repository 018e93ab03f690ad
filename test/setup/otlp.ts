/** Receives traces by OTLP over HTTP in JSON: https://opentelemetry.io/docs/specs/otlp/ */
import { json } from 'node:stream/consumers';
import { listen, type Running } from './http.ts';

export interface Span {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: 'internal' | 'server' | 'client';
  attributes: Record<string, unknown>;
  isError: boolean;
  /** The messages of the errors that were recorded. */
  exceptions: unknown[];
}

export interface Receiver extends Running {
  /** What has arrived so far. */
  spans: Span[];
}

interface Attribute {
  key: string;
  value: Record<string, unknown>;
}

interface Traces {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: Sent[] }[] }[];
}

interface Sent extends Omit<Span, 'kind' | 'attributes'> {
  kind: number;
  attributes: Attribute[];
  status: { code?: number };
  events?: { attributes: Attribute[] }[];
}

export async function startReceiver(port = 0): Promise<Receiver> {
  const spans: Span[] = [];
  const running = await listen(async (req, res) => {
    const { resourceSpans } = (await json(req)) as Traces;
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = String(plain(resource.attributes)['service.name']);
      spans.push(...scopeSpans.flatMap((scope) => scope.spans.map((span) => toSpan(span, service))));
    }
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }, port);
  return { ...running, spans };
}

const KINDS = ['internal', 'internal', 'server', 'client'] as const;

function toSpan({ kind, attributes, status, events = [], ...span }: Sent, service: string): Span {
  return {
    ...span,
    service,
    kind: KINDS[kind] ?? 'internal',
    attributes: plain(attributes),
    isError: status.code === 2,
    exceptions: events.map((event) => plain(event.attributes)['exception.message']),
  };
}

const plain = (attributes: Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
