/**
 * Puts a database in the place of another one, whole or not at all: it is made beside it, and takes its place by renames
 * in one transaction. Nobody else may be connected to what is copied or renamed, so their sessions are ended; new ones
 * wait for the locks that PostgreSQL takes by itself. Killed at any moment, it leaves nothing that must be undone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Fault } from '../machine/terminal.ts';
import { type Connect, SERVER } from './connect.ts';

/** Empty, as another one that every server has. */
export const EMPTY = 'template0';
/** While it is made, and while what was there goes. No service's database and no save is called so. */
const NEW = '@new';
const OLD = '@old';
/** Of PostgreSQL's advisory locks in the database SERVER: one replaces at a time. */
const LOCK = 15432;
/** Sessions that are ended need a moment; PostgreSQL waits 5 s for them. */
const POLL_MS = 20;
/** Shares the blocks of the files where the file system can (APFS, btrfs, XFS). */
const CLONE = 'set file_copy_method = clone';

export const quote = pg.escapeIdentifier;

/**
 * A copy of `template` becomes `name`, once `prepare` has done with it what is to be done; it is given the name that the
 * copy has until then.
 * @throws {Fault} when it can't be done; then `name` is as it was, as when `prepare` throws
 */
export async function replaceDatabase(
  connect: Connect,
  name: string,
  template: string,
  prepare: (database: string) => Promise<unknown>,
): Promise<void> {
  await connect(async (client) => {
    await beAlone(client);
    await clear(client);
    try {
      await copy(connect, client, template);
      await prepare(NEW);
      await rename(connect, client, name);
    } finally {
      await clear(client);
    }
  }, SERVER);
}

/** Until it disconnects. @throws {Fault} */
async function beAlone(client: pg.Client): Promise<void> {
  const { rows } = await client.query('select pg_try_advisory_lock($1) as alone', [LOCK]);
  if (!rows[0].alone)
    throw new Fault('Another make saves, loads or resets the database at the moment', 'Try again after it.');
}

/** Also of what an earlier run has left that was killed. */
async function clear(client: pg.Client): Promise<void> {
  for (const database of [NEW, OLD]) await client.query(`drop database if exists ${quote(database)} with (force)`);
}

/** Where the file system can't clone, or this PostgreSQL was built without it, as PostgreSQL copies by itself. */
async function copy(connect: Connect, client: pg.Client, template: string): Promise<void> {
  const statement = `create database ${quote(NEW)} template ${quote(template)}`;
  try {
    await client.query(CLONE);
    await undisturbed(connect, client, template, `${statement} strategy file_copy`);
  } catch {
    await undisturbed(connect, client, template, statement);
  }
}

async function rename(connect: Connect, client: pg.Client, name: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
  const renames = [...(rowCount ? [[name, OLD] as const] : []), [NEW, name] as const];
  // One simple query is one transaction.
  const statement = renames.map(([from, to]) => `alter database ${quote(from)} rename to ${quote(to)};`).join(' ');
  await undisturbed(connect, client, name, statement);
}

/** Runs a statement that needs `database` for itself alone. */
async function undisturbed(connect: Connect, client: pg.Client, database: string, statement: string): Promise<void> {
  let isDone = false;
  const endSessions = (other: pg.Client) =>
    other.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [database]);
  await connect(async (other) => {
    const done = client.query(statement).finally(() => {
      isDone = true;
    });
    const ending = (async () => {
      for (; !isDone; await sleep(POLL_MS)) await endSessions(other);
    })();
    await Promise.all([done, ending]);
  }, SERVER).catch(({ message }) => {
    throw new Fault(`Nothing has changed: ${message}`);
  });
}
