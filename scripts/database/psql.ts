/** psql on this terminal, or on what is piped to it: the cluster's own in its pod, or this machine's. */
import { spawn } from 'node:child_process';
import { readNames } from '../facts/names.ts';
import { databasePort } from '../facts/ports.ts';
import type { Values } from '../facts/values.ts';
import { which } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';
import { type LocalDatabase, POD } from './local.ts';

/** A script ends with its first error, and depends on nobody's settings. */
const SCRIPT = ['--no-psqlrc', '--set=ON_ERROR_STOP=1'];

type PostgreSql = Values['postgresql'];

/** @returns its exit code @throws {Fault} where this machine has none */
export function runPsql({ mode, use }: LocalDatabase, postgresql: PostgreSql): Promise<number> {
  if (mode === 'cluster') return attach('kubectl', inPod(postgresql));
  if (which('psql')) return use(() => attach('psql', options(postgresql), environmentOf(postgresql)));
  const { auth, database } = postgresql;
  throw new Fault(
    'There is no psql on PATH',
    "PostgreSQL's client brings it (Debian: apt install postgresql-client; macOS: brew install libpq, which says how to " +
      `put it on PATH). Any other client does, too: postgresql://${auth.username}:${auth.password}@localhost:${databasePort()}/${database}`,
  );
}

const isTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY;

const options = ({ auth: { username }, database }: PostgreSql): string[] => [
  `--username=${username}`,
  `--dbname=${database}`,
  ...(process.stdin.isTTY ? [] : SCRIPT),
];

function inPod(postgresql: PostgreSql): string[] {
  const { context, namespace } = readNames();
  const place = ['--context', context, '--namespace', namespace];
  return [...place, 'exec', '--stdin', ...(isTerminal() ? ['--tty'] : []), POD, '--', 'psql', ...options(postgresql)];
}

const environmentOf = ({ auth: { password } }: PostgreSql): NodeJS.ProcessEnv => ({
  PGHOST: '127.0.0.1',
  PGPORT: String(databasePort()),
  PGPASSWORD: password,
  PGSSLMODE: 'disable',
});

/** Until it ends; Ctrl-C is its own to heed. */
function attach(program: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  process.removeAllListeners('SIGINT').on('SIGINT', () => {});
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  return new Promise((done, fail) => {
    child.once('error', fail).once('close', (code) => done(code ?? 1));
  });
}
