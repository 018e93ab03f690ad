/** The local database, in whichever mode: what answers at its port on localhost, once it has shown whose it is. */
import { existsSync, realpathSync } from 'node:fs';
import pg from 'pg';
import { readNames } from '../facts/names.ts';
import { databasePort } from '../facts/ports.ts';
import type { Values } from '../facts/values.ts';
import { startPostgres } from '../host/postgres.ts';
import { DATA, refuseOthersState } from '../host/state.ts';
import { ask } from '../machine/command.ts';
import { isTaken } from '../machine/ports.ts';
import { Fault } from '../machine/terminal.ts';

const CONNECT_TIMEOUT_MS = 5000;
/** Of the chart's StatefulSet. */
const POD = 'postgresql-0';
const DOCTOR = 'make doctor says who holds the port.';

type Work = (client: pg.Client) => Promise<void>;

export interface LocalDatabase {
  /** In words. */
  place: string;
  /** Connects; where host mode is not running, its PostgreSQL runs for as long as `work` takes. */
  use(work: Work): Promise<void>;
}

/** @throws {Fault} when there is none, or what answers in its place is another one */
export async function findLocalDatabase(values: Values): Promise<LocalDatabase> {
  if (await isTaken(databasePort())) {
    await connected(values, refuseOthers);
    return { place: `localhost:${databasePort()}`, use: (work) => connected(values, work) };
  }
  if (!existsSync(DATA))
    throw new Fault(`There is no local data: nothing answers at localhost:${databasePort()}`, 'make dev starts it.');
  refuseOthersState();
  return { place: DATA, use: (work) => started(values, work) };
}

async function connected(values: Values, work: Work): Promise<void> {
  const { username: user, password, database } = values.postgresql.auth;
  const address = { host: '127.0.0.1', port: databasePort(), ssl: false };
  const client = new pg.Client({ ...address, user, password, database, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => {});
  await client.connect().catch(explain);
  await work(client).finally(() => client.end());
}

/** By what the server says of itself: its data is host mode's, or its address the pod's. */
async function refuseOthers(client: pg.Client): Promise<void> {
  const query = "select current_setting('data_directory') as folder, host(inet_server_addr()) as address";
  const { rows } = await client.query(query).catch(explain);
  const { folder, address } = rows[0];
  const isHostMode = existsSync(DATA) && folder === realpathSync(DATA);
  if (!isHostMode && address !== (await findPodAddress())) refuse(new Error(`its data is in ${folder}`));
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

async function started(values: Values, work: Work): Promise<void> {
  const { username: user, password, database } = values.postgresql.auth;
  // PostgreSQL ends with this process, if that ends by itself.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  const postgres = await startPostgres({ dataDir: DATA, port: databasePort(), user, password, database });
  await connected(values, work).finally(() => postgres.stop());
}
