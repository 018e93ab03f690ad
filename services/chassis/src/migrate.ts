import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MigrationBuilder, runner } from 'node-pg-migrate';
import type pg from 'pg';
import { type DatabaseConfig, databaseVariables, loadConfig } from './config.ts';
import { Client } from './database.ts';
import { Fault } from './fault.ts';
import { explain } from './health.ts';
import { createLogger, type Logger } from './logger.ts';
import {
  FILE_NAME,
  findPending,
  lineAt,
  listMigrations,
  type Migration,
  readMigration,
  readSql,
} from './migrations.ts';
import { exitWithFault } from './serve.ts';

const RETRY_MS = 1000;
/** Whatever the role has for requests: a migration may take its time. PgBouncer refuses it, and may not be on the way. */
const NO_TIMEOUTS = '-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0';
/** https://www.postgresql.org/docs/18/errcodes-appendix.html */
const ACTIVE_TRANSACTION = '25001';
/** What node-pg-migrate says is said here, in its own words. */
const SILENT = { info: () => {}, warn: () => {}, error: () => {} };

/**
 * The migrate command of a service, run in its folder: brings its own schema up to date, one process at a time
 * under PostgreSQL's advisory lock. `--seed` then runs seed.sql, which must be safe to repeat.
 * Waits for the database as long as it takes; exits 1 when a migration fails, naming its file and line.
 */
export async function migrateCommand(schema: string): Promise<void> {
  const logger = createLogger(schema);
  try {
    const client = await connect(loadConfig(databaseVariables), logger);
    await migrate(client, schema, logger);
    if (process.argv.includes('--seed')) await seed(client);
    await client.end();
  } catch (error) {
    exitWithFault(error, logger);
  }
}

/** @throws {Fault} that names file and line of what fails, or says why the files don't fit what the database has run */
export async function migrate(client: pg.Client, schema: string, logger: Logger, dir = 'migrations'): Promise<void> {
  const names = findPending(listMigrations(dir, logger), await readRun(client, schema));
  const pending = names.map((name) => readMigration(join(dir, `${name}.sql`)));
  for (const { file, queries } of pending)
    if (queries.length === 0) logger.warn(`${file} has no SQL yet and is passed over`);
  let running: Migration | undefined;
  const units = pending
    .filter(({ queries }) => queries.length > 0)
    .map((migration) => unitOf(migration, () => (running = migration)));
  const applied = await runner({
    dbClient: client,
    dir,
    ignorePattern: `(?!${FILE_NAME}$).*`,
    migrationLoaderStrategies: [{ extensions: ['.sql'], loader: async () => units }],
    direction: 'up',
    schema,
    createSchema: true,
    migrationsTable: 'migrations',
    checkOrder: false,
    advisoryLockMode: 'wait',
    logger: SILENT,
  }).catch((error) => {
    throw new Fault(`migration of ${schema} failed: ${describeFailure(error, running)}`);
  });
  for (const { name } of applied) logger.info({ migration: name }, 'migration applied');
}

/** Runs a file, all or nothing, where there is one. @throws {Fault} that names file and line of what fails */
export async function seed(client: pg.Client, file = 'seed.sql'): Promise<void> {
  if (!existsSync(file)) return;
  await client.query(readSql(file)).catch((error) => {
    throw new Fault(`seeding failed: ${describeFailure(error, { file, inTransaction: true })}`);
  });
}

/** What the database has run of a schema's migrations, in that order. */
async function readRun(client: pg.Client, schema: string): Promise<string[]> {
  const table = `${client.escapeIdentifier(schema)}.migrations`;
  const { rows: found } = await client.query('select to_regclass($1) as table', [table]);
  if (!found[0].table) return [];
  const { rows } = await client.query(`select name from ${table} order by run_on, id`);
  return rows.map(({ name }) => name);
}

/** As node-pg-migrate takes it; `start` is called when its turn has come. */
function unitOf(migration: Migration, start: () => void) {
  const up = (builder: MigrationBuilder): void => {
    start();
    if (!migration.inTransaction) builder.noTransaction();
    for (const query of migration.queries) builder.sql(query);
  };
  return { id: migration.file, filePaths: [migration.file], actions: { up, down: false as const } };
}

/** PostgreSQL's message behind the place in the file, with all that it knows beside. */
function describeFailure(error: unknown, running?: Pick<Migration, 'file' | 'inTransaction'>): string {
  const message = explain(error);
  if (!running) return message;
  const { position, detail, hint, where, code } = error as pg.DatabaseError;
  const line = position ? `:${lineAt(readSql(running.file), Number(position))}` : '';
  const beside = [detail, hint, !position && where, code === ACTIVE_TRANSACTION && transactionHint(running)];
  const more = beside.filter(Boolean).join(' ').replaceAll('\n', ' ');
  return `${running.file}${line}: ${message}${more && ` (${more})`}`;
}

const transactionHint = ({ inTransaction }: Pick<Migration, 'inTransaction'>): string =>
  inTransaction
    ? 'A line `-- no-transaction` in the file takes it out of the transaction.'
    : 'Each statement needs a line of its own, with its semicolon at the end.';

/** Connects, trying again until it succeeds; says each reason why not once. */
async function connect(config: DatabaseConfig, logger: Logger): Promise<pg.Client> {
  const reasons = new Set<string>();
  for (; ; await sleep(RETRY_MS)) {
    const client = new Client(config, { options: NO_TIMEOUTS });
    try {
      await client.connect();
      return client;
    } catch (error) {
      const reason = explain(error);
      if (!reasons.has(reason)) logger.warn({ reason }, `waiting for the database: ${reason}`);
      reasons.add(reason);
    }
  }
}
