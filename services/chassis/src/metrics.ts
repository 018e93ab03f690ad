import type { ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';

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

/** Times every request by its route's pattern: by URL, each id would be a series of its own. */
export const measureRequests: RequestHandler = (req, res, next) => {
  const start = process.hrtime.bigint();
  const route = watchRoute(req);
  res.once('close', async () => {
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    const { duration } = await metrics();
    duration.observe({ method: req.method, route: route(), status: statusOf(res) }, seconds);
  });
  next();
};

/**
 * What became of a request: the status that was sent, or, when the answer broke off before its end, 500 by our fault
 * and 499 by the client's leaving, as nginx has it: https://github.com/nginx/nginx/blob/master/src/http/ngx_http_request.h
 */
export function statusOf(res: ServerResponse): number {
  if (res.writableFinished) return res.statusCode;
  return res.err ? Math.max(res.statusCode, 500) : 499;
}

/** Counts what was answered, but never became a request. */
export async function countRefusal(status: number): Promise<void> {
  const { duration } = await metrics();
  duration.observe({ method: 'none', route: 'none', status }, 0);
}

/** Prometheus' text format. */
export const serveMetrics: RequestHandler = async (_req, res) => {
  const { registry } = await metrics();
  res.type(registry.contentType).send(await registry.metrics());
};

/** Express knows where a router is mounted only while the request is inside it: note the pattern when a route is found. */
function watchRoute(req: Request): () => string {
  let route: Request['route'];
  let pattern = 'none';
  Object.defineProperty(req, 'route', {
    get: () => route,
    set: (found: Request['route']) => {
      route = found;
      pattern = req.baseUrl + String(found.path);
    },
  });
  return () => pattern;
}
