/** Makes what services keep in the local database anew, or brings it up to date. */
import pg from 'pg';
import type { Values } from '../facts/values.ts';
import { migrate } from '../host/migrations.ts';
import { type Definition, defineServices } from '../host/services.ts';
import { Fault } from '../machine/terminal.ts';
import type { Connect } from './connect.ts';
import { EMPTY, replaceDatabase } from './replace.ts';

/** As long as another connection may be in the way. */
const LOCK_TIMEOUT = '10s';
/** Where a service's database is, and which one. */
const ADDRESS = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER'];

/**
 * The enabled services that have a database, or of those the `named` ones.
 * @throws {Fault} when a named one has none, or one has its database elsewhere: its migrations would run there
 */
export function servicesWithData(values: Values, named: string[] = []): Definition[] {
  const all = defineServices(values, false).filter(({ migrateCommand }) => migrateCommand.length > 0);
  const names = all.map(({ name }) => name);
  const other = named.find((name) => !names.includes(name));
  if (other) throw new Fault(`${other} is no service with a database. There are: ${names.sort().join(', ')}`);
  const services = all.filter(({ name }) => named.length === 0 || named.includes(name));
  for (const { name } of services) refuseElsewhere(name, values);
  return services;
}

function refuseElsewhere(name: string, { services }: Values): void {
  const variable = services[name]?.env.find((one) => ADDRESS.includes(one.name));
  if (variable)
    throw new Fault(`${name} names its database itself, by ${variable.name}: that is not the local one of all`);
}

/** A database with nothing but what the services' migrations and seeds make takes its place. @throws {Fault} */
export async function resetAll(connect: Connect, name: string, services: Definition[]): Promise<void> {
  await replaceDatabase(connect, name, EMPTY, (database) =>
    migrateAll(services, 'Nothing is deleted: mend them, then make db-reset again.', database),
  );
}

/** Drops the services' schemas, all or none, and runs their migrations and seeds. @throws {Fault} */
export async function resetServices(connect: Connect, services: Definition[]): Promise<void> {
  const drops = services.map(({ name }) => `drop schema if exists ${pg.escapeIdentifier(name)} cascade;`);
  // One simple query is one transaction.
  const statements = `set lock_timeout = '${LOCK_TIMEOUT}'; ${drops.join(' ')}`;
  await connect((client) => client.query(statements)).catch(({ message }) => {
    throw new Fault(`Nothing is deleted: ${message}`, 'Does psql or another program keep a transaction open there?');
  });
  await migrateAll(services, 'What they make is missing until they succeed: mend them, then make db-reset again.');
}

/** Runs their migrations and seeds, as their start does; `database` is where else than in theirs. @throws {Fault} */
export async function migrateAll(services: Definition[], remedy: string, database?: string): Promise<void> {
  for (const service of services) {
    const env = { ...service.env, ...(database && { PGDATABASE: database }) };
    const fault = await migrate({ ...service, env }, new AbortController().signal);
    if (fault) throw new Fault(fault, remedy);
  }
}
