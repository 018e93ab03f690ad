/** The database of a git branch (make dev DB=branch), beside the main one in the same server. */
import type { Values } from '../facts/values.ts';
import { Fault } from '../machine/terminal.ts';
import { type Connect, SERVER } from './connect.ts';
import { replaceDatabase } from './replace.ts';

/**
 * Makes the database that the services are to use of a copy of the main one, unless it is there.
 * Says by `tell` that it has made it. @throws {Fault}
 */
export async function makeDatabase(
  connect: Connect,
  { postgresql: { auth, database } }: Values,
  tell: (text: string) => void,
): Promise<void> {
  if (await isThere(connect, database)) return;
  await replaceDatabase(connect, database, auth.database, async () => {
    // Nobody else makes one by now.
    if (await isThere(connect, database))
      throw new Fault(`Another make has made the database ${database}`, 'Try again.');
  });
  tell(`✓ The database ${database} is made, as a copy of ${auth.database}`);
}

async function isThere(connect: Connect, database: string): Promise<boolean> {
  const query = 'select from pg_database where datname = $1';
  return (await connect((client) => client.query(query, [database]), SERVER)).rowCount === 1;
}
