/**
 * Copies of the services' database beside it in its server: `stand@before` for NAME=before. A comment on each makes it a
 * save, and says when and by which migrations it was made; no other database is listed, loaded or dropped.
 */
import pg from 'pg';
import { hashMigrations } from '../../services/chassis/sources.cjs';
import type { Values } from '../facts/values.ts';
import type { Definition } from '../host/services.ts';
import { parseObject } from '../machine/json.ts';
import { Fault } from '../machine/terminal.ts';
import { type Connect, SERVER } from './connect.ts';
import { findLocalDatabase, loadLocalValues } from './local.ts';
import { quote, replaceDatabase } from './replace.ts';
import { migrateAll, servicesWithData } from './reset.ts';

/** In bytes, of a database: https://www.postgresql.org/docs/18/sql-syntax-lexical.html */
const MAX_NAME = 63;

export interface Save {
  name: string;
  /** As PostgreSQL knows it. */
  database: string;
  savedAt: Date;
  /** In words. */
  size: string;
  /** By the services' names, hashes of those that there were. */
  migrations: Record<string, string>;
}

/** A database of a git branch (make dev DB=branch). */
export interface BranchDatabase {
  database: string;
  /** In words. */
  size: string;
  /** Whether the services use it. */
  isUsed: boolean;
}

/** With the local database, where it is. @throws {Fault} */
export async function useSaves(work: (saves: Saves, place: string) => Promise<void>): Promise<void> {
  const values = loadLocalValues();
  const services = servicesWithData(values);
  const { place, use } = await findLocalDatabase(values);
  await use((connect) => work(new Saves(connect, values, services), place));
}

export class Saves {
  readonly #connect: Connect;
  /** The services'. */
  readonly database: string;
  /** That of no branch. */
  readonly #main: string;
  readonly #services: Definition[];

  constructor(connect: Connect, { postgresql }: Values, services: Definition[]) {
    this.#connect = connect;
    this.database = postgresql.database;
    this.#main = postgresql.auth.database;
    this.#services = services;
  }

  /** Of the services' database, or of another branch's; the newest first. */
  async list(of = this.database): Promise<Save[]> {
    const query = `select datname as database, shobj_description(oid, 'pg_database') as comment,
      pg_size_pretty(pg_database_size(oid)) as size from pg_database where starts_with(datname, $1)`;
    const { rows } = await this.#connect((client) => client.query(query, [`${of}@`]), SERVER);
    const saves = rows.flatMap(({ database, comment, size }) => {
      const { savedAt, migrations } = parseObject(comment);
      const name = database.slice(of.length + 1);
      return migrations ? { name, database, savedAt: new Date(savedAt), size, migrations } : [];
    });
    return saves.sort((a, b) => Number(b.savedAt) - Number(a.savedAt));
  }

  /** @throws {Fault} when no save can be called so */
  async find(name: string): Promise<Save | undefined> {
    const length = MAX_NAME - Buffer.byteLength(this.#databaseOf(''));
    if (!/^[\w-]+$/.test(name) || name.length > length)
      throw new Fault(
        `NAME is that of a save, such as before: at most ${length} letters, digits, - and _, not ${name || 'nothing'}`,
      );
    return (await this.list()).find((save) => save.name === name);
  }

  /** @throws {Fault} when there is none */
  async get(name: string): Promise<Save> {
    const save = await this.find(name);
    if (save) return save;
    const names = (await this.list()).map((other) => other.name).join(', ');
    throw new Fault(`There is no save ${name}`, names ? `There are: ${names}` : `make db-save NAME=${name} makes it.`);
  }

  /** In the place of the one that is called so. @throws {Fault} */
  async save(name: string): Promise<void> {
    const database = this.#databaseOf(name);
    if (!(await this.find(name)) && (await this.#exists(database)))
      throw new Fault(`There is a database ${database} that make db-save has not made`, 'Take another NAME.');
    const migrations = Object.fromEntries(this.#services.map((one) => [one.name, hashMigrations(one.folder)]));
    const comment = JSON.stringify({ savedAt: new Date(), migrations });
    await replaceDatabase(this.#connect, database, this.database, (copy) =>
      this.#query(`comment on database ${quote(copy)} is ${pg.escapeLiteral(comment)}`),
    );
  }

  /** With the migrations that are new since it was made. @throws {Fault} */
  async load({ database, migrations }: Save): Promise<void> {
    const outdated = this.#services.filter(({ name, folder }) => migrations[name] !== hashMigrations(folder));
    await replaceDatabase(this.#connect, this.database, database, (copy) =>
      migrateAll(outdated, 'Nothing is loaded: mend them, then make db-load again.', copy),
    );
  }

  /** By name. */
  async listBranches(): Promise<BranchDatabase[]> {
    const query = `select datname as database, pg_size_pretty(pg_database_size(oid)) as size from pg_database
      where starts_with(datname, $1) and strpos(datname, '@') = 0 order by datname`;
    const { rows } = await this.#query(query, [`${this.#main}.`]);
    return rows.map((row) => ({ ...row, isUsed: row.database === this.database }));
  }

  async drop({ database }: Pick<Save, 'database'>): Promise<void> {
    await this.#query(`drop database ${quote(database)} with (force)`);
  }

  #databaseOf(name: string): string {
    return `${this.database}@${name}`;
  }

  async #exists(database: string): Promise<boolean> {
    return (await this.#query('select from pg_database where datname = $1', [database])).rowCount === 1;
  }

  #query(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    return this.#connect((client) => client.query(text, values), SERVER);
  }
}

/** When a save was made, in local time. */
export const timeOf = ({ savedAt }: Save): string => savedAt.toLocaleString('sv');
