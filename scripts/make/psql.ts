/** make psql: psql on the local database, on this terminal or with what is piped to it. */
import { findLocalDatabase, loadLocalValues } from '../database/local.ts';
import { runPsql } from '../database/psql.ts';
import { run } from '../machine/terminal.ts';

run(async () => {
  const values = loadLocalValues();
  process.exitCode = await runPsql(await findLocalDatabase(values), values.postgresql);
});
