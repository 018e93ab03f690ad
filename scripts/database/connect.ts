/** Connections to the local database, on localhost in both modes. */
import pg from 'pg';
import { databasePort } from '../facts/ports.ts';
import type { Values } from '../facts/values.ts';
import { Fault } from '../machine/terminal.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** A database that every server has, to work on the others from. */
export const SERVER = 'postgres';
const DOCTOR = 'make doctor says who holds the port.';

type Work<T> = (client: pg.Client) => Promise<T>;
/** Connects to the services' database, or another one of its server, for as long as `work` takes. */
export type Connect = <T>(work: Work<T>, database?: string) => Promise<T>;

export const connectionsOf =
  (values: Values): Connect =>
  (work, database) =>
    connected(values, work, database);

async function connected<T>({ postgresql }: Values, work: Work<T>, database = postgresql.database): Promise<T> {
  const { username: user, password } = postgresql.auth;
  const address = { host: '127.0.0.1', port: databasePort(), ssl: false };
  const client = new pg.Client({ ...address, user, password, database, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => {});
  await client.connect().catch(explain);
  return work(client).finally(() => client.end());
}

/** A server that gives no answer may well be the right one. @throws {Fault} */
export function explain(error: Error): never {
  if (error instanceof pg.DatabaseError) refuse(error);
  throw new Fault(`The database at localhost:${databasePort()} does not answer: ${error.message}`, DOCTOR);
}

/** @throws {Fault} */
export function refuse(reason: Error): never {
  throw new Fault(
    `What answers at localhost:${databasePort()} is not the database of this clone: ${reason.message}`,
    DOCTOR,
  );
}
