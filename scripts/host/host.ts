/**
 * Host mode: the enabled services under nodemon on this machine, with a real PostgreSQL of the stand's own, at the
 * addresses of the cluster. Reads ENV, SERVICES and DEBUG. Data stays in .stand/postgresql, or below
 * STAND_STATE where that is set.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { environmentOf, loadValues, type ServiceValues } from '../stand/values.ts';
import { startPostgres } from './postgres.ts';

const DATABASE_PORT = 15432;
const STATE = process.env.STAND_STATE ?? '.stand';
const PROCESSES = `${STATE}/host.json`;
const COLOURS = [36, 35, 33, 32, 34, 31];
const NODE = '20.19';

type Stop = () => Promise<void>;

/** What is running, stopped in reverse order. */
const running: Stop[] = [];
const children = new Map<string, ChildProcess>();

async function main(): Promise<void> {
  checkNode();
  const values = loadValues(process.env.ENV || 'local', process.env.SERVICES?.split(/\s+/).filter(Boolean));
  const services = Object.entries(values.services).filter(([, { enabled }]) => enabled);
  await endLeftovers();
  await checkPorts(services.map(([, { port }]) => port));
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);

  const { username: user, password, database } = values.postgresql.auth;
  say('Starting PostgreSQL …');
  const postgres = await startPostgres({
    dataDir: resolve(STATE, 'postgresql'),
    port: DATABASE_PORT,
    user,
    password,
    database,
  });
  running.push(() => postgres.stop());
  for (const [name, service] of services) migrate(name, service, environmentOf(name, values, DATABASE_PORT));
  services.forEach(([name, { port }], index) => {
    const debug = process.env.DEBUG && { NODE_DEBUG_OPTION: `--inspect=127.0.0.1:${9229 + port - 8080}` };
    start(name, { ...environmentOf(name, values, DATABASE_PORT), ...debug }, COLOURS[index % COLOURS.length] ?? 0);
  });
  remember();
  await Promise.all(services.map(([, { port }]) => untilReady(port)));
  banner(services);
}

function checkNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    throw new Error(`Node.js ${NODE} or newer is needed; this is ${process.versions.node}`);
}

/** Ends what a killed run has left behind: the process groups that it wrote down, where they are still ours. */
async function endLeftovers(): Promise<void> {
  for (const { pid, name } of readState()) {
    const commands = groupCommands(pid);
    if (name === 'host' && commands.includes('scripts/host/host.ts'))
      throw new Error(`Host mode runs already: process ${pid}`);
    if (name !== 'host' && /nodemon|src\/server\.ts/.test(commands)) await killGroup(pid);
  }
  rmSync(PROCESSES, { force: true });
}

async function killGroup(group: number): Promise<void> {
  try {
    for (process.kill(-group, 'SIGKILL'); ; process.kill(-group, 0)) await sleep(20);
  } catch {
    // No process is left in it.
  }
}

/** The command lines of a process and of its group, whose leader may be gone already. */
function groupCommands(pid: number): string {
  const { stdout } = spawnSync('ps', ['-axo', 'pid=,pgid=,command='], { encoding: 'utf8' });
  const ofGroup = (line: string) => line.trim().split(/\s+/, 2).map(Number).includes(pid);
  return (stdout ?? '').split('\n').filter(ofGroup).join('\n');
}

function remember(): void {
  mkdirSync(STATE, { recursive: true });
  const state = [{ name: 'host', pid: process.pid }, ...[...children].map(([name, { pid }]) => ({ name, pid }))];
  writeFileSync(PROCESSES, JSON.stringify(state));
}

function readState(): { name: string; pid: number }[] {
  try {
    return JSON.parse(readFileSync(PROCESSES, 'utf8'));
  } catch {
    return [];
  }
}

async function checkPorts(ports: number[]): Promise<void> {
  for (const port of ports)
    if (await isTaken(port)) throw new Error(`Port ${port} is taken by another program: lsof -i :${port} tells which`);
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => done(true)).on('error', () => done(false));
    socket.on('close', () => socket.destroy()).unref();
    socket.on('connect', () => socket.end());
  });
}

function migrate(name: string, { database }: ServiceValues, env: Record<string, string>): void {
  if (!database.enabled) return;
  const args = ['run', '--silent', 'migrate', ...(database.seed ? ['--', '--seed'] : [])];
  const { status } = spawnSync('npm', args, {
    cwd: `services/${name}`,
    env: { ...process.env, ...env },
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`The migrations of ${name} failed; see above`);
}

/** Each service is a process group of its own, so that Ctrl-C reaches only us and we end them in order. */
function start(name: string, env: Record<string, string>, colour: number): void {
  const child = spawn(resolve('node_modules/.bin/nodemon'), ['--quiet'], {
    cwd: `services/${name}`,
    env: { ...process.env, NODE_COMPILE_CACHE: resolve(STATE, 'cache'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  children.set(name, child);
  const label = `\x1b[${colour}m${name.padEnd(10)}\x1b[0m`;
  for (const stream of [child.stdout, child.stderr]) printLines(stream, label);
  running.push(() => end(child));
}

function printLines(stream: NodeJS.ReadableStream | null, label: string): void {
  let rest = '';
  stream?.on('data', (data) => {
    const lines = (rest + data).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) console.log(`${label} ${line}`);
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || !child.pid) return;
  const ended = new Promise((done) => child.once('exit', done));
  process.kill(-child.pid, 'SIGINT');
  await ended;
}

async function untilReady(port: number): Promise<void> {
  const ready = () =>
    fetch(`http://localhost:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await ready())) await sleep(100);
}

let stopping = false;

/** The first Ctrl-C stops everything in order; the second ends it at once. */
async function stop(): Promise<void> {
  if (stopping) return kill();
  stopping = true;
  say('\nStopping … (Ctrl-C again: at once)');
  for (const stopPart of running.reverse()) await stopPart();
  rmSync(PROCESSES, { force: true });
  process.exit(0);
}

function kill(): never {
  for (const { pid } of children.values()) {
    try {
      if (pid) process.kill(-pid, 'SIGKILL');
    } catch {
      // Ended in the meantime.
    }
  }
  process.exit(130);
}

function banner(services: [string, ServiceValues][]): void {
  const lines = services.map(([name, { port }]) => `  ${name.padEnd(12)} http://localhost:${port}`);
  say(
    [
      '',
      '✓ Ready. Every save is served at once; Ctrl-C stops.',
      ...lines,
      `  ${'postgresql'.padEnd(12)} localhost:${DATABASE_PORT}`,
      '',
    ].join('\n'),
  );
}

const say = (text: string): void => console.log(`\x1b[1m${text}\x1b[0m`);

main().catch(async (error) => {
  console.error(`✗ ${error.message}`);
  for (const stopPart of running.reverse()) await stopPart();
  process.exit(1);
});
