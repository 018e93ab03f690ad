/** Makes what services keep in the local database anew. */
import pg from 'pg';
import type { Values } from '../facts/values.ts';
import { migrate } from '../host/migrations.ts';
import { type Definition, defineServices } from '../host/services.ts';
import { Fault } from '../machine/terminal.ts';

/** As long as another connection may be in the way. */
const LOCK_TIMEOUT = '10s';
/** Where a service's database is, and which one. */
const ADDRESS = ['PGHOST', 'PGPORT', 'PGDATABASE', 'PGUSER'];

/** The enabled services that have a database, or of those the `named` ones. @throws {Fault} when one has none */
export function servicesWithData(values: Values, named: string[]): Definition[] {
  const all = defineServices(values, false).filter(({ migrateCommand }) => migrateCommand.length > 0);
  const names = all.map(({ name }) => name);
  const other = named.find((name) => !names.includes(name));
  if (other) throw new Fault(`${other} is no service with a database. There are: ${names.sort().join(', ')}`);
  return all.filter(({ name }) => named.length === 0 || named.includes(name));
}

/** @throws {Fault} when what would be emptied here is not what the services use: their migrations would run there */
export function refuseElsewhere({ postgresql, services: values }: Values, services: Definition[]): void {
  if (!postgresql.enabled)
    throw new Fault('The database of values-local.yaml is a managed one, elsewhere: make reset leaves it alone');
  for (const { name } of services) {
    const variable = values[name]?.env.find((one) => ADDRESS.includes(one.name));
    if (variable)
      throw new Fault(`${name} names its database itself, by ${variable.name}: make reset leaves that alone`);
  }
}

/** Drops their schemas, all or none, and runs their migrations and seeds. @throws {Fault} */
export async function reset(client: pg.Client, services: Definition[]): Promise<void> {
  const drops = services.map(({ name }) => `drop schema if exists ${pg.escapeIdentifier(name)} cascade;`);
  // One simple query is one transaction.
  await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'; ${drops.join(' ')}`).catch(({ message }) => {
    throw new Fault(`Nothing is deleted: ${message}`, 'Does psql or another program keep a transaction open there?');
  });
  for (const service of services) {
    const fault = await migrate(service, new AbortController().signal);
    if (fault) throw new Fault(fault, `${service.name} is empty until they succeed: mend them, then make reset again.`);
  }
}
