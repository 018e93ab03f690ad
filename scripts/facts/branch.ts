/**
 * make dev DB=branch: the services of a git branch have a database of their own, `stand.login` beside the main one. That
 * is the one of the main branch, and of all without DB=branch.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../machine/terminal.ts';

/** That the last make dev was one with DB=branch, with the last database: every command is about the same one. */
const NOTE = '.stand/database-per-branch';
/** Written when the branch is another one: what Tilt watches in the place of HEAD. */
export const BRANCH_MARK = '.stand/branch';
/** Of a database, in bytes, with what its saves have behind it: https://www.postgresql.org/docs/18/sql-syntax-lexical.html */
const MAX_NAME = 63 - '@before-the-change'.length;
const HASH = 8;
/** git has it from before a checkout's first file until a moment before HEAD, and while the editor of a commit is open. */
const LOCK = 'index.lock';
const LOCKED_MS = 5000;
const PAUSE_MS = 20;

let chosen: boolean | undefined;

export const hasDatabasePerBranch = (): boolean => chosen ?? existsSync(NOTE);

/** For this process, until it is noted. @throws {Fault} when there is no branch */
export function chooseDatabasePerBranch(isWanted: boolean): void {
  if (isWanted && !findBranch())
    throw new Fault('DB=branch needs a git branch, and there is none', 'git checkout one, or leave DB=branch out.');
  chosen = isWanted;
}

/** Once nothing else runs that has the database of before. */
export function noteDatabasePerBranch(database: string): void {
  rmSync(NOTE, { force: true });
  if (!hasDatabasePerBranch()) return;
  mkdirSync(dirname(NOTE), { recursive: true });
  writeFileSync(NOTE, database);
}

/** There is none while HEAD is detached, as in a rebase. */
export const hasBranch = (): boolean => findBranch() !== '';

/** The database of the branch of the moment, beside the `main` one; while there is no branch, the last one. */
export function branchDatabase(main: string): string {
  awaitCheckout();
  const branch = findBranch();
  const last = existsSync(NOTE) ? readFileSync(NOTE, 'utf8') : undefined;
  if (!branch) return last || main;
  const database = isMain(branch) ? main : nameFor(main, branch);
  if (last !== undefined && last !== database) writeFileSync(NOTE, database);
  return database;
}

function awaitCheckout(): void {
  const lock = git('rev-parse', '--git-path', LOCK);
  const pause = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  if (!existsSync(lock)) return;
  for (const end = Date.now() + LOCKED_MS; existsSync(lock) && Date.now() < end; ) pause();
  pause();
}

/** What a checkout changes. */
export const headFile = (): string => git('rev-parse', '--git-path', 'HEAD');

/** As PostgreSQL, Helm and a shell take it as it is; a branch that is called otherwise is told from others by a hash. */
function nameFor(main: string, branch: string): string {
  const plain = branch.replaceAll(/[^\w./-]+/g, '-');
  const name = `${main}.${plain}`;
  if (plain === branch && name.length <= MAX_NAME) return name;
  const hash = createHash('sha256').update(branch).digest('hex').slice(0, HASH);
  return `${name.slice(0, MAX_NAME - HASH - 1)}-${hash}`;
}

const findBranch = (): string => git('branch', '--show-current');

/** The one that a clone begins with. */
function isMain(branch: string): boolean {
  const ofRemote = git('symbolic-ref', '--short', 'refs/remotes/origin/HEAD').replace('origin/', '');
  return ofRemote ? branch === ofRemote : ['main', 'master'].includes(branch);
}

/** Empty where it fails. */
const git = (...args: string[]): string => spawnSync('git', args, { encoding: 'utf8' }).stdout?.trim() ?? '';
