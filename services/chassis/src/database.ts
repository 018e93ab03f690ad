import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import type { DatabaseConfig } from './config.ts';
import { type Check, explain } from './health.ts';
import type { Logger } from './logger.ts';
import { forgetPool, observePool } from './metrics.ts';
import { outageOf, Unreachable } from './outage.ts';
import { isTraced } from './trace.ts';

/** For a new connection, and for one of the pool's to become free. */
const CONNECT_TIMEOUT_MS = 3000;
const STATEMENT_TIMEOUT_MS = 5000;
/** Below the time that others wait for a connection: those who wait for one row must not keep them all that long. */
const LOCK_TIMEOUT_MS = 1000;
/** A process that stands still in the middle of a transaction must not keep its locks. */
const IDLE_IN_TRANSACTION_MS = 10_000;
/** After a failover no connection stays longer with a server that takes no more changes. */
const MAX_LIFETIME_S = 300;
/** A pod that stops gives its connections back before the next but one starts: docs/operations.md counts on it. */
const IDLE_TIMEOUT_MS = 2000;

/**
 * node-postgres takes these from the environment by itself, and nothing that it is given instead keeps it from that:
 * https://github.com/brianc/node-postgres/blob/master/packages/pg/lib/connection-parameters.js
 * Only the documented variables count (config.ts), so that no service depends on what else is set where it runs.
 */
for (const name of ['PGOPTIONS', 'PGAPPNAME', 'PGREPLICATION', 'PGSSLNEGOTIATION']) delete process.env[name];

// int8 as a number: sums of cents stay far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * A connection by libpq's variables. What is in files is read when it connects, so that a changed Secret heals a running
 * pod. Rejects with `Unreachable` when it can't connect, whatever the reason.
 */
export class Client extends pg.Client {
  declare readonly connectionParameters: { user?: string; ssl: false | ConnectionOptions };
  readonly #config: DatabaseConfig;

  constructor(config: DatabaseConfig, options?: pg.ClientConfig) {
    super({
      host: config.PGHOST,
      port: config.PGPORT,
      database: config.PGDATABASE,
      ssl: tlsOptions(config),
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      ...options,
    });
    this.#config = config;
    // One that breaks rejects its query, and is replaced; without a listener it would end the process too.
    this.on('error', () => {});
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: (error: Error) => void): void;
  override connect(callback?: (error: Error) => void): Promise<pg.Client> | undefined {
    const connected = this.#open();
    if (!callback) return connected;
    connected.then(() => (callback as () => void)(), callback);
  }

  async #open(): Promise<pg.Client> {
    try {
      this.#readFiles();
      return await super.connect();
    } catch (error) {
      throw new Unreachable(explain(error), { cause: error });
    }
  }

  #readFiles(): void {
    const { PGUSER, PGUSER_FILE, PGPASSWORD, PGPASSWORD_FILE, PGSSLROOTCERT } = this.#config;
    const { connectionParameters } = this;
    this.user = connectionParameters.user = PGUSER ?? readLine(PGUSER_FILE);
    this.password = PGPASSWORD ?? readLine(PGPASSWORD_FILE);
    if (connectionParameters.ssl && PGSSLROOTCERT) connectionParameters.ssl.ca = readFileSync(PGSSLROOTCERT);
  }
}

/** Without the line's end, with which many a tool writes a file. */
const readLine = (path = ''): string => readFileSync(path, 'utf8').replace(/\r?\n$/, '');

/** As libpq: `require` encrypts, and verifies only when it has a CA; `verify-full` also wants the right host name. */
function tlsOptions({ PGSSLMODE, PGSSLROOTCERT, PGHOST }: DatabaseConfig): false | ConnectionOptions {
  if (PGSSLMODE === 'disable') return false;
  return {
    host: PGHOST,
    rejectUnauthorized: PGSSLMODE === 'verify-full' || PGSSLROOTCERT !== undefined,
    ...(PGSSLMODE === 'require' && { checkServerIdentity: () => undefined }),
  };
}

/** A service's database, from its start to its end. */
export interface Database {
  pool: pg.Pool;
  /** For readiness. Over a connection of its own, because a pool that is busy can serve nevertheless. */
  check: Check;
  close(): Promise<void>;
}

export function openDatabase(config: DatabaseConfig, logger: Logger): Database {
  const pool = createPool(config, logger, config.DATABASE_POOL_SIZE);
  const probe = createPool(config, logger, 1);
  observePool(pool, `${config.PGHOST}:${config.PGPORT}/${config.PGDATABASE}`);
  const close = async (): Promise<void> => {
    forgetPool(pool);
    await Promise.all([pool.end(), probe.end()]);
  };
  return { pool, check: () => checkWritable(probe), close };
}

/**
 * PostgreSQL's settings of a connection. PgBouncer in transaction mode refuses them, since clients share its
 * connections; there the role has them: docs/operations.md.
 */
const sessionSettings = ({ DATABASE_POOL_MODE }: DatabaseConfig): pg.ClientConfig =>
  DATABASE_POOL_MODE === 'transaction'
    ? {}
    : {
        statement_timeout: STATEMENT_TIMEOUT_MS,
        lock_timeout: LOCK_TIMEOUT_MS,
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      };

function createPool(config: DatabaseConfig, logger: Logger, max?: number): pg.Pool {
  const pool = new pg.Pool({
    Client: Client.bind(null, config),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 1000,
    ...sessionSettings(config),
    maxLifetimeSeconds: MAX_LIFETIME_S,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    max,
  });
  if (isTraced) (require('./traced-pool.ts') as typeof import('./traced-pool.ts')).tracePool(pool, config);
  pool.on('error', (error) => logger.warn({ reason: error.message }, 'lost an idle database connection'));
  return pool;
}

/**
 * A service with a database writes, and what it reads from a standby may be old: read-only is not ready. The connection
 * is dropped then, since a new one may lead to the server that has taken over.
 */
async function checkWritable(probe: pg.Pool): Promise<void> {
  const client = await probe.connect();
  try {
    const { rows } = await client.query('show transaction_read_only');
    if (rows[0].transaction_read_only === 'on') throw new Error('the database is read-only');
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
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
    // A connection that can't even roll back, or leads to a server in trouble, is destroyed rather than lent again.
    await client.query('rollback').then(
      () => client.release(outageOf(error) !== undefined),
      (failure) => client.release(failure),
    );
    throw error;
  }
}
