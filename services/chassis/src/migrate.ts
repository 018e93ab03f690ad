import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { type DatabaseConfig, databaseVariables, loadConfig } from './config.ts';
import { connectionOptions } from './database.ts';
import { explain } from './health.ts';
import { createLogger, type Logger } from './logger.ts';
import { exitWithFault } from './serve.ts';

const RETRY_MS = 1000;

/**
 * The migrate command of a service, run in its folder: brings its own schema up to date, one process at a time
 * under PostgreSQL's advisory lock. `--seed` then runs seed.sql, which must be safe to repeat.
 * Waits for the database as long as it takes; exits 1 when a migration fails, naming its file.
 */
export async function migrateCommand(schema: string): Promise<void> {
  const logger = createLogger(schema);
  try {
    const client = await connect(loadConfig(databaseVariables), logger);
    await migrate(client, schema, logger);
    if (process.argv.includes('--seed')) await client.query(readFileSync('seed.sql', 'utf8'));
    await client.end();
  } catch (error) {
    exitWithFault(error, logger);
  }
}

/** @throws with the failing file's name in the message */
export async function migrate(client: pg.Client, schema: string, logger: Logger, dir = 'migrations'): Promise<void> {
  let current = '';
  const applied = await runner({
    dbClient: client,
    dir,
    direction: 'up',
    schema,
    createSchema: true,
    migrationsTable: 'migrations',
    checkOrder: true,
    advisoryLockMode: 'wait',
    logger: {
      debug: () => {},
      info: (line) => {
        current = /MIGRATION (\S+)/.exec(line)?.[1] ?? current;
      },
      warn: (line) => logger.warn(line),
      error: () => {},
    },
  }).catch((error) => {
    throw new Error(`migration ${current || 'check'} of ${schema} failed: ${explain(error)}`, { cause: error });
  });
  for (const { name } of applied) logger.info({ migration: name }, 'migration applied');
}

/** Connects, trying again until it succeeds; says each reason why not once. */
async function connect(config: DatabaseConfig, logger: Logger): Promise<pg.Client> {
  const reasons = new Set<string>();
  for (; ; await sleep(RETRY_MS)) {
    const client = new pg.Client(connectionOptions(config));
    client.on('error', () => {});
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
