/** `make dev MODE=host` in a copy of the fixture, as a person runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { DISTANCE } from '../../scripts/facts/slot.ts';
import { loadValues } from '../../scripts/facts/values.ts';
import { which } from '../../scripts/machine/command.ts';
import { isTaken } from '../../scripts/machine/ports.ts';
import { isAlive, listProcesses, type Process } from '../../scripts/machine/processes.ts';
import { type Copy, LOCAL_VALUES, VALUES } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { type Answer, send } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';

/** Of the fixture in one slot. */
const RANGE = 41;

export interface HostFixture {
  copy: Copy;
  ports: { front: number; store: number; clock: number; database: number };
  services: string[];
}

/** The fixture on ports that are free, with the packages of this clone; without `clock` where there is no Python. */
export async function hostFixture(...without: string[]): Promise<HostFixture> {
  const copy = fixtureCopy(...without);
  return fixtureOf(copy, await settle(copy), without);
}

/** The same as several clones on one machine, each with its slot once it has run; without `clock`. */
export async function hostFixtures(count: number): Promise<HostFixture[]> {
  const copies = Array.from({ length: count }, () => fixtureCopy('clock'));
  const base = await freeRange(RANGE + DISTANCE * (count - 1));
  return copies.map((copy, slot) => {
    Object.assign(copy.env, copies[0]?.env);
    move(copy, base);
    return fixtureOf(copy, base + DISTANCE * slot, ['clock']);
  });
}

function fixtureOf(copy: Copy, base: number, without: string[]): HostFixture {
  const services = ['front', 'store', 'clock'].filter((name) => !without.includes(name));
  return { copy, ports: { front: base, store: base + 1, clock: base + 2, database: base + 40 }, services };
}

/** Makes a copy run beside others: on ports that are free, of which this is the first, with the packages of this clone. */
export async function settle(copy: Copy): Promise<number> {
  const base = await freeRange(RANGE);
  move(copy, base);
  return base;
}

function move(copy: Copy, base: number): void {
  linkPackages(copy.root);
  for (const file of [VALUES, LOCAL_VALUES, 'cluster/ctlptl.yaml']) copy.write(file, movePorts(copy.read(file), base));
}

/** Packages are the same for all copies; the workspaces are each copy's own. */
export function linkPackages(root: string): void {
  mkdirSync(join(root, 'node_modules/@stand'), { recursive: true });
  symlinkSync('../../services/chassis', join(root, 'node_modules/@stand/chassis'));
  const packages = readdirSync('node_modules').filter(
    (name) => !['@stand', '.package-lock.json', '.cache'].includes(name),
  );
  for (const name of packages) symlinkSync(resolve('node_modules', name), join(root, 'node_modules', name));
  copyFileSync('node_modules/.package-lock.json', join(root, 'node_modules/.package-lock.json'));
}

const movePorts = (text: string, base: number): string =>
  text.replace(
    /\b((?:hostPort|port): )(8[01]\d\d|15432)\b/g,
    (_, key, port) => key + String(port === '15432' ? base + 40 : base + Number(port) - 8080),
  );

/** Each process of mocha has thousands of its own to look in: what is free may be taken a moment later. */
async function freeRange(length: number): Promise<number> {
  const all = 2_000;
  const first = 20_000 + all * Number(process.env.MOCHA_WORKER_ID ?? 0);
  for (;;) {
    const base = first + Math.floor(Math.random() * (all - length));
    const ports = Array.from({ length }, (_, index) => base + index);
    if (!(await Promise.all(ports.map(isTaken))).includes(true)) return base;
  }
}

export class Host {
  output = '';
  readonly process: ChildProcess;
  readonly #root: string;
  readonly #ended: Promise<unknown>;
  /** All that it has started, as far as ready() and remember() have seen it. */
  #family: Process[] = [];

  constructor(
    { copy }: Pick<HostFixture, 'copy'>,
    args: string[] = [],
    env: NodeJS.ProcessEnv = {},
    // Several at a time would have the same debuggers' ports.
    command = 'make dev MODE=host DEBUG=0 "$@"',
  ) {
    this.#root = copy.root;
    this.process = spawn('sh', ['-c', command, 'sh', ...args], {
      cwd: copy.root,
      // What the make of this very run was given must not reach the copy's.
      env: { ...process.env, ...copy.env, MAKEFLAGS: '', MAKELEVEL: '', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.setEncoding('utf8').on('data', (data) => {
        this.output += data;
      });
    this.#ended = once(this.process, 'close');
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  async says(text: string | RegExp): Promise<this> {
    await eventually(`host mode says ${text} in:\n${this.output}`, () => {
      const said = typeof text === 'string' ? this.output.includes(text) : text.test(this.output);
      if (!said && this.hasEnded) throw new Error(`host mode ended without ${text}:\n${this.output}`);
      return said;
    });
    this.remember();
    return this;
  }

  ready(): Promise<this> {
    return this.says('✓ Ready');
  }

  remember(): void {
    const all = listProcesses();
    const found = new Set([this.process.pid]);
    for (const { pid, parent } of [...all].sort((a, b) => a.pid - b.pid)) if (found.has(parent)) found.add(pid);
    const known = this.#family.map(({ pid }) => pid);
    this.#family.push(...all.filter(({ pid }) => found.has(pid) && !known.includes(pid)));
  }

  /** The processes that it has started and that still run. */
  left(): Process[] {
    return this.#family.filter(isAlive);
  }

  /** Host mode's own process. */
  get pid(): number {
    return JSON.parse(readFileSync(join(this.#root, '.stand/host.json'), 'utf8')).host.pid;
  }

  get database(): number {
    return Number(readFileSync(join(this.#root, '.stand/postgresql/postmaster.pid'), 'utf8').split('\n')[0]);
  }

  /** A signal as from the terminal: to all that runs in its foreground. */
  signal(signal: NodeJS.Signals): void {
    this.remember();
    if (this.process.pid && !this.hasEnded) process.kill(-this.process.pid, signal);
  }

  /** Its output, once it has ended; after a signal where one is given. */
  async end(signal?: NodeJS.Signals): Promise<string> {
    if (signal) this.signal(signal);
    await this.#ended;
    return this.output;
  }

  /** For hooks: whatever it does, nothing of it stays. */
  async destroy(): Promise<void> {
    this.signal('SIGINT');
    await this.#ended;
    for (const { pid } of this.left()) process.kill(pid, 'SIGKILL');
  }
}

/** A new folder for PATH, with no more than host mode needs on Linux. */
export function bareBin(): string {
  const bin = mkdtempSync(join(tmpdir(), 'bin-'));
  for (const program of ['node', 'npm', 'make', 'sh', 'env', 'setpriv'])
    symlinkSync(which(program) ?? program, join(bin, program));
  return bin;
}

/** Asks the services' database, or another one of their server. */
export async function query<T>(
  { ports }: HostFixture,
  work: (client: pg.Client) => Promise<T>,
  database?: string,
): Promise<T> {
  const { username: user, password, ...auth } = loadValues('local').postgresql.auth;
  const address = { host: '127.0.0.1', port: ports.database, user, password };
  const client = new pg.Client({ ...address, database: database ?? auth.database });
  await client.connect();
  return work(client).finally(() => client.end());
}

export const ask = (port: number, path: string): Promise<Answer> => send(`http://localhost:${port}${path}`);

/** A body, or undefined while there is no good answer. */
export async function read(port: number, path: string): Promise<string | undefined> {
  const answer = await ask(port, path).catch(() => undefined);
  return answer?.status === 200 ? answer.text : undefined;
}

/** The process of a service, by the port it listens on. */
export async function pidOf(port: number): Promise<number> {
  const body = await eventually(`port ${port} says its pid`, () => read(port, '/pid'));
  return Number(body);
}
