import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { DatabaseConfig } from './config.ts';
import type { Logger } from './logger.ts';

const CONNECT_TIMEOUT_MS = 3000;
const STATEMENT_TIMEOUT_MS = 5000;

/**
 * node-postgres takes these from the environment by itself, and nothing that it is given instead keeps it from that:
 * https://github.com/brianc/node-postgres/blob/master/packages/pg/lib/connection-parameters.js
 * Only the documented variables count (config.ts), so that no service depends on what else is set where it runs.
 */
for (const name of ['PGOPTIONS', 'PGAPPNAME', 'PGREPLICATION', 'PGSSLNEGOTIATION']) delete process.env[name];

// int8 as a number: sums of cents stay far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/** node-postgres' connection settings from libpq's variables. */
export function connectionOptions(config: DatabaseConfig): pg.ClientConfig {
  return {
    host: config.PGHOST,
    port: config.PGPORT,
    database: config.PGDATABASE,
    user: config.PGUSER,
    password: config.PGPASSWORD,
    ssl: tlsOptions(config),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  };
}

export function createPool(config: DatabaseConfig, logger: Logger): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(config),
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 1000,
  });
  // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
  pool.on('error', (error) => logger.warn({ reason: error.message }, 'lost an idle database connection'));
  // One that breaks while it is lent rejects its query; without a listener of its own it would end the process too.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** Runs `work` in one transaction: committed when it resolves, rolled back when it rejects. */
export async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    // A connection that can't even roll back is broken: destroy it rather than lend it again.
    await client.query('rollback').then(
      () => client.release(),
      (failure) => client.release(failure),
    );
    throw error;
  }
}

/**
 * As libpq: `require` encrypts, and verifies only when it has a CA; `verify-full` also wants the right host name.
 * The CA is read at each connection, so a corrected secret heals a running pod.
 */
function tlsOptions({ PGSSLMODE, PGSSLROOTCERT, PGHOST }: DatabaseConfig): pg.ClientConfig['ssl'] {
  if (PGSSLMODE === 'disable') return false;
  return {
    host: PGHOST,
    rejectUnauthorized: PGSSLMODE === 'verify-full' || PGSSLROOTCERT !== undefined,
    ...(PGSSLMODE === 'require' && { checkServerIdentity: () => undefined }),
    get ca() {
      return PGSSLROOTCERT && readFileSync(PGSSLROOTCERT, 'utf8');
    },
  };
}
