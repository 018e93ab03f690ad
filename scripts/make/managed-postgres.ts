/**
 * A managed PostgreSQL to try staging with; no make target, since only the e2e and the curious need it:
 *   managed-postgres.ts up              start it, with a database called as the stand
 *   managed-postgres.ts database NAME   add a database, and a role of the same name that may only make schemas in it
 *   managed-postgres.ts down            delete it with all data; asks first, YES=1 answers
 */
import { database, down, up } from '../cluster/managed-postgres.ts';
import { Fault, run } from '../machine/terminal.ts';

const COMMANDS = new Map<string, (name?: string) => Promise<void>>(Object.entries({ up, database, down }));

run(() => {
  const [name = '', argument] = process.argv.slice(2);
  const command = COMMANDS.get(name);
  if (!command) throw new Fault('There are: up, database NAME, down');
  return command(argument);
});
