/** The database of a git branch (make dev DB=branch), beside the main one in the same server. */
import type { Values } from '../facts/values.ts';
import { type Connect, SERVER } from './local.ts';
import { replaceDatabase } from './replace.ts';

/**
 * Makes the database that the services are to use of a copy of the main one, unless it is there.
 * @returns whether it has made it @throws {Fault}
 */
export async function makeDatabase(connect: Connect, { postgresql: { auth, database } }: Values): Promise<boolean> {
  const query = 'select from pg_database where datname = $1';
  const { rowCount } = await connect((client) => client.query(query, [database]), SERVER);
  if (rowCount) return false;
  await replaceDatabase(connect, database, auth.database, async () => {});
  return true;
}
