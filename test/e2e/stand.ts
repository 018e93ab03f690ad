import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export const PAGE = 'http://localhost:8080';
const WAIT_MS = 180_000;

/** Runs a command to its end and returns what it printed. @throws with its output when it fails */
export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', env: { ...process.env, YES: '1' }, maxBuffer: 64 * 2 ** 20 });
}

/** kubectl in one namespace of the stand's cluster. */
export const kubectlIn =
  (namespace: string) =>
  (...args: string[]): string =>
    run('kubectl', '--context', 'kind-stand', '--namespace', namespace, ...args).trim();

export const kubectl = kubectlIn('stand');

/** What packageOnce builds. */
export const VERSION = '0.0.0-e2e';
let packaged = false;

/** Builds the images as released, and the chart: once for all suites of a run. */
export function packageOnce(): void {
  if (!packaged) run('make', 'package', `VERSION=${VERSION}`);
  packaged = true;
}

const cluster = (...args: string[]): string => run('kubectl', '--context', 'kind-stand', ...args);

/** A new, empty namespace; one that an aborted run has left behind goes first. */
export function createNamespace(name: string): void {
  deleteNamespace(name);
  cluster('create', 'namespace', name);
  cluster('label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted');
}

export function deleteNamespace(name: string): void {
  cluster('delete', 'namespace', name, '--ignore-not-found');
}

/** What makes a running pod this pod and no other; of several, with spaces between. */
export function podUid(service: string): string {
  return podFields('stand', service, 'Running', 'uid');
}

/** The names of a service's pods in a phase. */
export function pods(service: string, namespace: string, phase = 'Running'): string[] {
  return podFields(namespace, service, phase, 'name').split(' ').filter(Boolean);
}

function podFields(namespace: string, service: string, phase: string, field: string): string {
  const selection = ['-l', `app.kubernetes.io/name=${service}`, `--field-selector=status.phase=${phase}`];
  return kubectlIn(namespace)('get', 'pods', ...selection, '-o', `jsonpath={.items[*].metadata.${field}}`);
}

/** Which of the tools are not on PATH. */
export function missingTools(): string[] {
  return ['docker', 'kubectl', 'kind', 'ctlptl', 'tilt', 'helm'].filter((tool) => !succeeds('which', tool));
}

export function succeeds(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** A JSON answer, or undefined while there is none. */
export async function get<T>(path: string, base = PAGE): Promise<T | undefined> {
  const answer = await fetch(base + path, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
  return answer?.ok ? ((await answer.json()) as T) : undefined;
}

/** Waits until `condition` gives something truthy, and returns it. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T> | T,
  ms = WAIT_MS,
): Promise<NonNullable<T>> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(100)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`it did not happen within ${ms / 1000} s: ${what}`);
}

/** Changes a file for the time of `work`. */
export async function whileEdited(
  file: string,
  edit: (text: string) => string,
  work: () => Promise<void>,
): Promise<void> {
  const original = readFileSync(file, 'utf8');
  writeFileSync(file, edit(original));
  try {
    await work();
  } finally {
    writeFileSync(file, original);
  }
}

/** `tilt up` in the background; its output is shown when a test fails. */
export class Tilt {
  output = '';
  readonly #process: ChildProcess;

  constructor(...services: string[]) {
    this.#process = spawn('tilt', ['up', '--context', 'kind-stand', '--stream', '--', ...services]);
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (data) => (this.output += data));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((done) => this.#process.once('exit', done));
    this.#process.kill('SIGINT');
    await ended;
  }
}
