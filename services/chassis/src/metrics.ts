import type { RequestHandler } from 'express';

let loading: ReturnType<typeof load> | undefined;

/**
 * The registry, loaded at the first use: prom-client takes half as long to load as all of Express, and every save
 * waits for the process to serve.
 */
function metrics(): ReturnType<typeof load> {
  loading ??= load();
  return loading;
}

async function load() {
  const { collectDefaultMetrics, Histogram, Registry } = await import('prom-client');
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer, in seconds',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  return { registry, duration };
}

/** Counts an answer by its route's pattern: by URL, each id would be a series of its own. */
export async function countRequest(method: string, route: string, status: number, seconds: number): Promise<void> {
  const { duration } = await metrics();
  duration.observe({ method, route, status }, seconds);
}

/** Prometheus' text format. */
export const serveMetrics: RequestHandler = async (_req, res) => {
  const { registry } = await metrics();
  res.type(registry.contentType).send(await registry.metrics());
};
