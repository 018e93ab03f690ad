/** The local database, in whichever mode: what answers at its port on localhost, once it has shown whose it is. */
import { existsSync, realpathSync } from 'node:fs';
import pg from 'pg';
import { argument } from '../facts/arguments.ts';
import type { Mode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { databasePort } from '../facts/ports.ts';
import { loadValues, type Values } from '../facts/values.ts';
import { startPostgres } from '../host/postgres.ts';
import { DATA, refuseOthersState } from '../host/state.ts';
import { ask } from '../machine/command.ts';
import { isTaken } from '../machine/ports.ts';
import { Fault } from '../machine/terminal.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** A database that every server has, to work on the others from. */
export const SERVER = 'postgres';
/** Of the chart's StatefulSet. */
export const POD = 'postgresql-0';
const DOCTOR = 'make doctor says who holds the port.';

type Work<T> = (client: pg.Client) => Promise<T>;
/** Connects to the services' database, or another one of its server, for as long as `work` takes. */
export type Connect = <T>(work: Work<T>, database?: string) => Promise<T>;

export interface LocalDatabase {
  /** In words. */
  place: string;
  mode: Mode;
  /** Where host mode is not running, its PostgreSQL runs for as long as `work` takes. */
  use<T>(work: (connect: Connect) => Promise<T>): Promise<T>;
}

/** Those of values-local.yaml. @throws {Fault} when another environment is asked for, or its database is elsewhere */
export function loadLocalValues(): Values {
  const environment = argument('ENV');
  if (environment && environment !== 'local')
    throw new Fault(`This is about local data, never that of ENV=${environment}`);
  const values = loadValues('local');
  if (!values.postgresql.enabled)
    throw new Fault('The database of values-local.yaml is a managed one, elsewhere: this is about local data');
  return values;
}

/** @throws {Fault} when there is none, or what answers in its place is another one */
export async function findLocalDatabase(values: Values): Promise<LocalDatabase> {
  const connect = connectionsOf(values);
  if (await isTaken(databasePort()))
    return {
      place: `localhost:${databasePort()}`,
      mode: await connect(recognize, SERVER),
      use: (work) => work(connect),
    };
  if (!existsSync(DATA))
    throw new Fault(`There is no local data: nothing answers at localhost:${databasePort()}`, 'make dev starts it.');
  refuseOthersState();
  return { place: DATA, mode: 'host', use: (work) => started(values, () => work(connect)) };
}

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

/** By what the server says of itself: its data is host mode's, or its address the pod's. */
async function recognize(client: pg.Client): Promise<Mode> {
  const query = "select current_setting('data_directory') as folder, host(inet_server_addr()) as address";
  const { rows } = await client.query(query).catch(explain);
  const { folder, address } = rows[0];
  if (existsSync(DATA) && folder === realpathSync(DATA)) return 'host';
  if (address === (await findPodAddress())) return 'cluster';
  refuse(new Error(`its data is in ${folder}`));
}

/** A server that gives no answer may well be the right one. */
function explain(error: Error): never {
  if (error instanceof pg.DatabaseError) refuse(error);
  throw new Fault(`The database at localhost:${databasePort()} does not answer: ${error.message}`, DOCTOR);
}

function refuse(reason: Error): never {
  throw new Fault(
    `What answers at localhost:${databasePort()} is not the database of this clone: ${reason.message}`,
    DOCTOR,
  );
}

/** Empty where there is no such pod. */
async function findPodAddress(): Promise<string> {
  const { context, namespace } = readNames();
  const pod = ['get', 'pod', POD, '--output', 'jsonpath={.status.podIP}'];
  return (await ask('kubectl', '--context', context, '--namespace', namespace, ...pod)).stdout;
}

async function started<T>(values: Values, work: () => Promise<T>): Promise<T> {
  const { username: user, password, database } = values.postgresql.auth;
  // PostgreSQL ends with this process, if that ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  const postgres = await startPostgres({ dataDir: DATA, port: databasePort(), user, password, database });
  return work().finally(() => postgres.stop());
}
