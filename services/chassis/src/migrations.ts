/** The files of a service's migrations: which count, which are to be applied, and what of a file is. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from './fault.ts';
import type { Logger } from './logger.ts';

/** All else in the folder is passed over. No quote, because node-pg-migrate puts names into its SQL as they are. */
export const FILE_NAME = String.raw`\d+_[^']+\.sql`;
/** What was perhaps meant to be one. Editors' and systems' own files begin with a dot. */
const NEAR_MISS = /^[^.].*\.(sql|[cm]?[jt]s)$/i;

/** node-pg-migrate's markers: https://salsita.github.io/node-pg-migrate/migrations/ */
const UP = /^\s*--[\s-]*up\s+migration/im;
const DOWN = /^\s*--[\s-]*down\s+migration/im;
/** sqlx' marker: https://docs.rs/sqlx/latest/sqlx/macro.migrate.html */
const NO_TRANSACTION = /^--[ \t]*no-transaction[ \t]*\r?$/im;

const END_OF_QUERY = /;[ \t]*(--.*)?\r?$/gm;
const COMMENT = /--.*|\/\*[\s\S]*?\*\//g;

export interface Migration {
  file: string;
  /** Each is sent by itself. PostgreSQL's positions in them are positions in the file; none in one without any SQL. */
  queries: string[];
  /** All or nothing. */
  inTransaction: boolean;
}

/**
 * The names of the folder's migrations in order: `0001_products` is in `0001_products.sql`.
 * @throws {Fault} when there is no such folder
 */
export function listMigrations(dir: string, logger: Logger): string[] {
  const files = listFiles(dir);
  const isMigration = (file: string): boolean => new RegExp(`^${FILE_NAME}$`).test(file);
  for (const file of files.filter((file) => NEAR_MISS.test(file) && !isMigration(file)))
    logger.warn(`${join(dir, file)} is passed over: a migration is called NUMBER_name.sql`);
  const migrations = files.filter((file) => isMigration(file) && statSync(join(dir, file)).isFile());
  return migrations.map((file) => file.slice(0, -'.sql'.length)).sort((a, b) => numberOf(a) - numberOf(b));
}

/**
 * Those of the migrations that the database has not run.
 * @throws {Fault} when they don't follow what it has run
 */
export function findPending(migrations: string[], run: string[]): string[] {
  const pending = migrations.filter((name) => !run.includes(name));
  const unknown = run.filter((name) => !migrations.includes(name));
  if (pending.length > 0 && unknown.length > 0)
    throw new Fault(
      `the database has ${unknown.join(', ')}, which is not among the files here, and lacks ${pending.join(', ')}, ` +
        'as after a change of branch. The branch with both brings them together; `make db-reset` makes the local ' +
        'database anew from the files here',
    );
  for (const name of pending) checkPlace(name, migrations, run);
  return pending;
}

function checkPlace(name: string, migrations: string[], run: string[]): void {
  const twin = migrations.find((other) => other !== name && numberOf(other) === numberOf(name));
  if (twin) throw new Fault(`${twin}.sql and ${name}.sql have the same number: give ${name}.sql the next free one`);
  const last = Math.max(...run.map(numberOf));
  if (numberOf(name) < last)
    throw new Fault(
      `${name}.sql comes before ${run.at(-1)}, which the database has run: give it a higher number. ` +
        'If it only ran later here than elsewhere, `make db-reset` makes the local database anew',
    );
}

/** @throws {Fault} when the file is not in UTF-8 */
export function readMigration(file: string): Migration {
  const text = readSql(file);
  const inTransaction = !NO_TRANSACTION.test(text);
  const queries = inTransaction ? [upPart(text)] : splitQueries(upPart(text));
  return { file, queries: queries.filter((query) => /[^\s;]/.test(query.replace(COMMENT, ''))), inTransaction };
}

/** Without a byte order mark. @throws {Fault} when the file is not in UTF-8 */
export function readSql(file: string): string {
  const bytes = readFileSync(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Fault(`${file} is not in UTF-8: save it as that`);
  }
}

/** The line of PostgreSQL's position, which counts characters from 1. */
export function lineAt(text: string, position: number): number {
  return [...text].slice(0, position - 1).filter((character) => character === '\n').length + 1;
}

function listFiles(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Fault(`there is no folder ${dir} in ${process.cwd()}`);
  }
}

const numberOf = (name: string): number => Number.parseInt(name, 10);

/** From the marker, or the beginning, to the other marker, or the end. */
function upPart(text: string): string {
  const start = Math.max(text.search(UP), 0);
  const end = text.slice(start).search(DOWN);
  return cut(text, start, end < 0 ? text.length : start + end);
}

/** A query ends with a semicolon at the end of its line. */
function splitQueries(text: string): string[] {
  const ends = [...text.matchAll(END_OF_QUERY)].map(({ index }) => index + 1);
  return [...ends, text.length].map((end, index) => cut(text, ends[index - 1] ?? 0, end));
}

/** With blanks for what stands before it. */
function cut(text: string, start: number, end: number): string {
  return text.slice(0, start).replace(/\S/gu, ' ') + text.slice(start, end);
}
