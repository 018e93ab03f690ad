import type { RequestHandler } from 'express';
import type { Pool } from 'pg';

/** In seconds. As for all names and labels here: https://opentelemetry.io/docs/specs/semconv/http/http-metrics/ */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
/** Of RFC 9110 and RFC 5789. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'];
/** A router that is mounted at a parameter has as many routes as clients like to make up: each would be a series. */
const MAX_ROUTES = 200;
/** What stands for all that is not told apart. */
const OTHER = '_OTHER';

const routes = new Set<string>();
/** The pools that are open, by name. */
const pools = new Map<Pool, string>();
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
  const { collectDefaultMetrics, Gauge, Histogram, Registry } = await import('prom-client');
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer, in seconds',
    labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
    buckets: BUCKETS,
    registers,
  });
  const calls = new Histogram({
    name: 'http_client_request_duration_seconds',
    help: 'Time that a call to another service took with all its attempts, in seconds',
    labelNames: ['service', 'http_request_method', 'http_response_status_code', 'error_type'],
    buckets: BUCKETS,
    registers,
  });

  /** Reads the pools when Prometheus asks. https://opentelemetry.io/docs/specs/semconv/database/database-metrics/ */
  function gaugePools(name: string, help: string, read: (pool: Pool) => [value: number, state?: string][]): void {
    new Gauge({
      name,
      help,
      labelNames: ['db_client_connection_pool_name', 'db_client_connection_state'],
      registers,
      collect() {
        this.reset();
        for (const [pool, poolName] of pools)
          for (const [value, state] of read(pool))
            this.inc(
              { db_client_connection_pool_name: poolName, ...(state && { db_client_connection_state: state }) },
              value,
            );
      },
    });
  }
  gaugePools('db_client_connection_count', 'Connections; those that are being opened count as used', (pool) => [
    [pool.totalCount - pool.idleCount, 'used'],
    [pool.idleCount, 'idle'],
  ]);
  gaugePools('db_client_connection_max', 'Connections at most', (pool) => [[pool.options.max]]);
  gaugePools('db_client_connection_pending_requests', 'Requests that wait for a connection', (pool) => [
    [pool.waitingCount],
  ]);
  return { registry, requests, calls };
}

interface Answered {
  /** None of what was no HTTP. */
  method?: string;
  /** The pattern of the route, where one was found: by URL, each id would be a series of its own. */
  route?: string;
  status: number;
  seconds: number;
}

export async function countRequest({ method, route, status, seconds }: Answered): Promise<void> {
  const { requests } = await metrics();
  const labels = { http_request_method: known(method), ...(route !== undefined && { http_route: toldApart(route) }) };
  requests.observe({ ...labels, http_response_status_code: status }, seconds);
}

/** Counts a call to another service by what became of it: a status, or the error that `typeOf` names. */
export async function countCall(
  service: string,
  method: string,
  call: Promise<Response>,
  typeOf: (error: unknown) => string,
): Promise<void> {
  const start = performance.now();
  const outcome = await call.then(
    ({ status }) => ({ http_response_status_code: status }),
    (error) => ({ error_type: typeOf(error) }),
  );
  const seconds = (performance.now() - start) / 1000;
  const { calls } = await metrics();
  calls.observe({ service, http_request_method: known(method), ...outcome }, seconds);
}

/** Has a pool's connections among the metrics until `forgetPool`. */
export function observePool(pool: Pool, name: string): void {
  pools.set(pool, name);
}

export function forgetPool(pool: Pool): void {
  pools.delete(pool);
}

const known = (method = OTHER): string => (METHODS.includes(method) ? method : OTHER);

function toldApart(route: string): string {
  if (routes.size < MAX_ROUTES) routes.add(route);
  return routes.has(route) ? route : OTHER;
}

/** Prometheus' text format. */
export const serveMetrics: RequestHandler = async (_req, res) => {
  const { registry } = await metrics();
  res.type(registry.contentType).send(await registry.metrics());
};
