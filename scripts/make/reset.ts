/** make reset [SERVICES="web payments"]: empties the local database, then migrates and seeds it anew. Asks first; YES=1 answers. */
import { findLocalDatabase } from '../database/local.ts';
import { refuseElsewhere, reset, servicesWithData } from '../database/reset.ts';
import { argument, listArgument } from '../facts/arguments.ts';
import { loadValues } from '../facts/values.ts';
import { confirm, Fault, run, say } from '../machine/terminal.ts';

run(async () => {
  const environment = argument('ENV');
  if (environment && environment !== 'local')
    throw new Fault(`make reset is about local data, never that of ENV=${environment}`);
  const values = loadValues('local');
  const services = servicesWithData(values, listArgument('SERVICES'));
  if (services.length === 0) return say('No service has a database: there is nothing to reset.');
  refuseElsewhere(values, services);
  const names = services.map(({ name }) => name).join(', ');
  const database = await findLocalDatabase(values);
  if (!(await confirm(`Delete all data of ${names} in ${database.place}?`))) return;
  await database.use((client) => reset(client, services));
  say(`✓ Migrated and seeded anew: ${names}`);
});
