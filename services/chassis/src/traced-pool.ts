/** A pool's door: each statement of a trace has a span, and so has a wait for a connection. */
import { AsyncResource } from 'node:async_hooks';
import { errorMonitor } from 'node:events';
import type pg from 'pg';
import type { DatabaseConfig } from './config.ts';
import type { ActiveSpan } from './spans.ts';
import { tracing } from './trace.ts';

// biome-ignore lint/suspicious/noExplicitAny: node-postgres takes the same in many forms
type Method = (...args: any[]) => any;

export function tracePool(pool: pg.Pool, { PGHOST, PGPORT, PGDATABASE }: DatabaseConfig): void {
  const database = {
    'db.system.name': 'postgresql',
    'db.namespace': PGDATABASE,
    'server.address': PGHOST,
    'server.port': PGPORT,
  };
  const connect: Method = pool.connect.bind(pool);
  pool.connect = ((...args) =>
    follow(pool.idleCount === 0 ? tracing?.connection(database) : undefined, connect, args)) as Method;
  pool.on('connect', (client) => {
    const query: Method = client.query.bind(client);
    client.query = ((...args) => follow(tracing?.statement(textOf(args[0]), database), query, args)) as Method;
  });
}

const textOf = (query: string | { text?: string } | undefined): string =>
  (typeof query === 'string' ? query : query?.text) ?? '';

/**
 * Ends the span in whichever way the outcome is told: to a callback, by a promise, or by a query that is an emitter,
 * such as a cursor. A callback runs in its own trace: a pool calls it while it works for another request.
 */
function follow(span: ActiveSpan | undefined, method: Method, args: Parameters<Method>): unknown {
  const end = (error?: unknown): void => span?.end({}, error ?? undefined);
  const callback: unknown = args.at(-1);
  if (typeof callback === 'function')
    return method(
      ...args.slice(0, -1),
      AsyncResource.bind((error: unknown, ...results: unknown[]) => {
        end(error);
        callback(error, ...results);
      }),
    );
  const result = method(...args);
  if (result instanceof Promise) result.then(() => end(), end);
  else result?.once?.('end', () => end()).once(errorMonitor, end);
  return result;
}
