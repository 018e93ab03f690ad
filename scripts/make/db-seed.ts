/** make db-seed [SERVICES="web payments"]: runs the services' migrations and seeds on the local database again, deletes nothing. */
import { findLocalDatabase, loadLocalValues } from '../database/local.ts';
import { migrateAll, servicesWithData } from '../database/reset.ts';
import { listArgument } from '../facts/arguments.ts';
import { run, say } from '../machine/terminal.ts';

run(async () => {
  const values = loadLocalValues();
  const services = servicesWithData(values, listArgument('SERVICES'));
  if (services.length === 0) return say('No service has a database: there is nothing to seed.');
  const { use } = await findLocalDatabase(values);
  await use(() => migrateAll(services, 'Mend them, then make db-seed again.'));
  say(`✓ Migrated and seeded: ${services.map(({ name }) => name).join(', ')}`);
});
