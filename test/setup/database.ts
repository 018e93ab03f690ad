import { randomUUID } from 'node:crypto';
import { type DatabaseConfig, databaseVariables, loadConfig } from '@stand/chassis/config';
import { Client } from '@stand/chassis/database';
import { createLogger } from '@stand/chassis/logger';
import { migrate } from '@stand/chassis/migrate';
import type pg from 'pg';
import { credentials, sharedPostgres } from './postgres.ts';

export const silent = createLogger('test', 'silent');

export interface TestDatabase {
  /** As a service process gets it from its environment. */
  env: Record<string, string>;
  config: DatabaseConfig;
}

/** A new, empty database, brought up to date by the migrations of the services named. */
export async function createDatabase(...services: string[]): Promise<TestDatabase> {
  const { port } = await sharedPostgres();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await withClient(databaseAt(port, credentials.database), (client) => client.query(`create database ${name}`));
  const database = databaseAt(port, name);
  for (const service of services)
    await withClient(database, (client) => migrate(client, service, silent, `services/${service}/migrations`));
  return database;
}

export function databaseAt(port: number, name: string): TestDatabase {
  const { user: PGUSER, password: PGPASSWORD } = credentials;
  const env = { PGHOST: '127.0.0.1', PGPORT: String(port), PGDATABASE: name, PGUSER, PGPASSWORD };
  return { env, config: loadConfig(databaseVariables, env) };
}

export async function withClient<T>({ config }: TestDatabase, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new Client(config);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
