/** make db-reset [SERVICES="web payments"]: empties the local database, migrates and seeds it anew. Asks first; YES=1 answers. */
import { findLocalDatabase, loadLocalValues } from '../database/local.ts';
import { resetAll, resetServices, servicesWithData } from '../database/reset.ts';
import { listArgument } from '../facts/arguments.ts';
import { confirm, run, say } from '../machine/terminal.ts';

run(async () => {
  const values = loadLocalValues();
  const named = listArgument('SERVICES');
  const services = servicesWithData(values, named);
  if (services.length === 0) return say('No service has a database: there is nothing to reset.');
  const names = services.map(({ name }) => name).join(', ');
  const { database } = values.postgresql;
  const { place, use } = await findLocalDatabase(values);
  if (!(await confirm(`Delete all data ${named.length > 0 ? `of ${names}` : 'but saves'} in ${database} of ${place}?`)))
    return;
  await use((connect) => (named.length > 0 ? resetServices(connect, services) : resetAll(connect, database, services)));
  say(`✓ Migrated and seeded anew: ${names}`);
});
