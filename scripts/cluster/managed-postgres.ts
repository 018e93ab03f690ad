/**
 * Plays the managed PostgreSQL of staging and production: a server outside the cluster, on kind's Docker network, that
 * takes TLS connections only, with a certificate of its own CA. Pods reach it by its name, on port 5432.
 * The CA's certificate and the roles' passwords are in .stand/managed-postgres/.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readNames } from '../facts/names.ts';
import { ask, capture, which } from '../machine/command.ts';
import { hasContainer } from '../machine/engine.ts';
import { confirm, Fault, say } from '../machine/terminal.ts';

const IMAGE = 'postgres:18-bookworm';
/** The Docker network of kind's nodes. */
const NETWORK = 'kind';
const FILES = '.stand/managed-postgres';
const START_MS = 60_000;
const DAYS = '365';
const HBA = `local all postgres peer
host all all 127.0.0.1/32 scram-sha-256
hostssl all all all scram-sha-256
`;

/** Of the container, and in the certificate. */
const server = (): string => `${readNames().cluster}-managed-postgres`;

const docker = (...args: string[]): Promise<string> => capture('docker', args);
const newPassword = (): string => randomBytes(16).toString('hex');

/** Starts it, at first with a database called as the stand. @throws {Fault} when it does not become ready */
export async function up(): Promise<void> {
  await checkMachine();
  if (await hasContainer(server())) await docker('start', server());
  else await create();
  await waitUntilReady();
  say(`✓ ${server()}:5432; its CA is ${FILES}/ca.crt, the passwords are ${FILES}/ROLE.password`);
}

async function checkMachine(): Promise<void> {
  if (!which('openssl')) throw new Fault('openssl is missing');
  if (!(await ask('docker', 'network', 'inspect', NETWORK)).ok)
    throw new Fault("kind's Docker network is missing", 'Make the cluster first: make cluster');
}

async function create(): Promise<void> {
  mkdirSync(FILES, { recursive: true, mode: 0o700 });
  await makeCertificates();
  const names = ['--name', server(), '--hostname', server(), '--network', NETWORK];
  await docker('run', '--detach', ...names, '--env', `POSTGRES_PASSWORD=${newPassword()}`, IMAGE);
  await waitUntilReady();
  for (const file of ['server.crt', 'server.key']) await putIntoData(file, readFileSync(`${FILES}/${file}`, 'utf8'));
  await putIntoData('pg_hba.conf', HBA);
  await psql('alter system set ssl = on; select pg_reload_conf();');
  await addDatabase(readNames().name);
}

/** The CA's key is not kept: nothing else shall be signed by it. */
async function makeCertificates(): Promise<void> {
  const at = (file: string): string => `${FILES}/${file}`;
  const openssl = (...args: string[]): Promise<string> => capture('openssl', args);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const authority = ['-CA', at('ca.crt'), '-CAkey', at('ca.key'), '-set_serial', '1', '-days', DAYS];
  writeFileSync(at('names.cnf'), `subjectAltName=DNS:${server()}\n`);
  await openssl(
    ...['req', '-x509', ...newKey, '-days', DAYS, '-subj', `/CN=${server()} CA`],
    ...['-keyout', at('ca.key'), '-out', at('ca.crt')],
  );
  await openssl(
    'req',
    ...newKey,
    ...['-subj', `/CN=${server()}`, '-keyout', at('server.key'), '-out', at('server.csr')],
  );
  await openssl(
    ...['x509', '-req', '-in', at('server.csr'), ...authority],
    ...['-extfile', at('names.cnf'), '-out', at('server.crt')],
  );
  for (const file of ['ca.key', 'server.csr', 'names.cnf']) rmSync(at(file));
}

/** Over TCP: while the image prepares its data, its server listens on a socket only. */
async function waitUntilReady(): Promise<void> {
  const isReady = ['pg_isready', '--quiet', '--host', '127.0.0.1', '--username', 'postgres'];
  for (const end = Date.now() + START_MS; Date.now() < end; await sleep(200))
    if ((await ask('docker', 'exec', server(), ...isReady)).ok) return;
  const { stdout, stderr } = await ask('docker', 'logs', '--tail', '20', server());
  throw new Fault(`${server()} does not become ready`, stdout + stderr);
}

async function putIntoData(file: string, content: string): Promise<void> {
  await capture('docker', inside('sh', '-c', `umask 077; cat > "$PGDATA/${file}"`), content);
}

/** As the superuser, over the socket inside. */
async function psql(sql: string): Promise<void> {
  await capture('docker', inside('psql', '--quiet', '--no-psqlrc', '--set', 'ON_ERROR_STOP=1'), sql);
}

const inside = (...command: string[]): string[] => [
  ...['exec', '--interactive', '--user', 'postgres', server()],
  ...command,
];

async function addDatabase(name: string): Promise<void> {
  const password = newPassword();
  await psql(`
    create role "${name}" login password '${password}' nosuperuser nocreatedb nocreaterole;
    create database "${name}";
    revoke all on database "${name}" from public;
    grant connect, create on database "${name}" to "${name}";
  `);
  writeFileSync(`${FILES}/${name}.password`, password, { mode: 0o600 });
}

/** Adds a database, and a role of the same name that may only make schemas in it. @throws {Fault} for a bad name */
export async function database(name = ''): Promise<void> {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new Fault('Which database?', 'As in: database payments');
  if (!(await hasContainer(server()))) throw new Fault(`There is no ${server()}`, 'Start it first: up');
  await addDatabase(name);
}

/** Deletes it with all data; asks first. */
export async function down(): Promise<void> {
  if (!(await hasContainer(server()))) return say(`There is no ${server()}.`);
  if (!(await confirm(`Delete ${server()} with all its data?`))) throw new Fault('Nothing was deleted');
  await docker('rm', '--force', '--volumes', server());
  rmSync(FILES, { recursive: true, force: true });
}
