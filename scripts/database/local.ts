/** The local database, in whichever mode: what answers at its port on localhost, once it has shown whose it is. */
import { existsSync, realpathSync } from 'node:fs';
import type pg from 'pg';
import { argument } from '../facts/arguments.ts';
import type { Mode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { databasePort } from '../facts/ports.ts';
import { loadValues, type Values } from '../facts/values.ts';
import { startPostgres } from '../host/postgres.ts';
import { DATA, refuseOthersState } from '../host/state.ts';
import { ask } from '../machine/command.ts';
import { isTaken } from '../machine/ports.ts';
import { Fault, say } from '../machine/terminal.ts';
import { makeDatabase } from './branches.ts';
import { type Connect, connectionsOf, explain, refuse, SERVER } from './connect.ts';

/** Of the chart's StatefulSet. */
export const POD = 'postgresql-0';

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

/**
 * Makes that of the git branch, where it is still to come.
 * @throws {Fault} when there is none, or what answers in its place is another one
 */
export async function findLocalDatabase(values: Values): Promise<LocalDatabase> {
  const connect = connectionsOf(values);
  if (await isTaken(databasePort())) {
    const mode = await connect(recognize, SERVER);
    await makeDatabase(connect, values, say);
    return { place: `localhost:${databasePort()}`, mode, use: (work) => work(connect) };
  }
  if (!existsSync(DATA))
    throw new Fault(`There is no local data: nothing answers at localhost:${databasePort()}`, 'make dev starts it.');
  refuseOthersState();
  return {
    place: DATA,
    mode: 'host',
    use: (work) => started(values, () => makeDatabase(connect, values, say).then(() => work(connect))),
  };
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
