import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, utimesSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { kubectl } from '../../scripts/cluster/commands.ts';
import { readNames } from '../../scripts/facts/names.ts';
import { hostPort, tiltPort } from '../../scripts/facts/ports.ts';
import { loadValues } from '../../scripts/facts/values.ts';
import { capture } from '../../scripts/machine/command.ts';
import type { Trial } from '../../scripts/measure/trial.ts';
import type { Copy } from '../setup/copy.ts';
import { addServices, fixtureCopy } from '../setup/fixture.ts';
import { getJson } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';

/** What Tilt was at its end; `tilt snapshot view` shows it. Kept where CI finds it. */
const SNAPSHOT = resolve('dist/tilt-snapshot.json');

const CLONE = process.cwd();
const { XDG_STATE_HOME: STATE } = process.env;

let copy: Copy | undefined;

/**
 * Runs a suite in a copy with services of its own: `front` and `store`, which has a database. The third, in Python, stays
 * out, since its image would be one more to pull for nothing that the cluster does differently. After a suite's last test
 * the clone is the working directory again, so hooks clear up by the copy, which this returns once it is there.
 */
export function inFixture(): () => Copy | undefined {
  before(async () => {
    copy ??= await makeFixture();
    enter(copy);
  });
  after(leave);
  return () => copy;
}

/** From here on all runs in a copy, which has the cluster that this clone has made: each knows of no other's slot. */
export function enter({ root, env }: Copy): void {
  process.chdir(root);
  Object.assign(process.env, env);
}

export function leave(): void {
  process.chdir(CLONE);
  Object.assign(process.env, { XDG_STATE_HOME: STATE });
}

export function removeFixture(): void {
  copy?.remove();
  copy = undefined;
}

/** The fixture, and as many further services. */
export async function makeFixture(further = 0): Promise<Copy> {
  const place = process.cwd();
  process.chdir(CLONE);
  const fixture = fixtureCopy('clock');
  addServices(fixture, further);
  process.chdir(place);
  fixture.install();
  // Its services become workspaces, in node_modules and in the lockfile, which the images are built by.
  await capture('npm', ['--prefix', fixture.root, 'install', '--no-audit', '--no-fund']);
  const now = new Date();
  utimesSync(fixture.at('node_modules/.package-lock.json'), now, now);
  return fixture;
}

export const FRONT = 'http://localhost:8080';
export const STORE = 'http://localhost:8081';

/** The names of store's items, through front; undefined while there is no answer. */
export const itemsOf = async (front = FRONT): Promise<string[] | undefined> =>
  (await getJson<{ items: { name: string }[] }>(`${front}/items`))?.items.map(({ name }) => name);

/** They, once there is an answer: a machine under load may take longer than one try has. @throws with the last answer */
export async function items(front = FRONT): Promise<string[]> {
  try {
    return await eventually('front answers', () => itemsOf(front));
  } catch (error) {
    const last = await fetch(`${front}/items`).then((answer) => answer.text(), String);
    throw new Error(`${(error as Error).message}, but: ${last}`);
  }
}

/** What packageOnce builds. */
export const VERSION = '0.0.0-e2e';
const packaged = new Set<string>();

/** Builds the images as released, and the chart: once for all suites of a copy. */
export async function packageOnce(): Promise<void> {
  if (!packaged.has(process.cwd())) await capture('make', ['package', `VERSION=${VERSION}`]);
  packaged.add(process.cwd());
}

/** What makes a running pod this pod and no other; of several, with spaces between. */
export function podUid(service: string): Promise<string> {
  return podFields(readNames().namespace, service, 'Running', 'uid');
}

/** The names of a service's pods in a phase. */
export async function pods(service: string, namespace: string, phase = 'Running'): Promise<string[]> {
  return (await podFields(namespace, service, phase, 'name')).split(' ').filter(Boolean);
}

function podFields(namespace: string, service: string, phase: string, field: string): Promise<string> {
  const selection = ['--selector', `app.kubernetes.io/name=${service}`, `--field-selector=status.phase=${phase}`];
  return kubectl(namespace, ['get', 'pods', ...selection, '--output', `jsonpath={.items[*].metadata.${field}}`]);
}

/** What a trial's pods are, and what of their logs is no good news. */
export async function complaints(trial: Trial): Promise<string> {
  const instance = ['--selector', `app.kubernetes.io/instance=${readNames().release}`];
  const logs = await trial.kubectl(
    'logs',
    ...instance,
    '--prefix',
    '--tail=200',
    '--max-log-requests=50',
    '--ignore-errors',
  );
  const lines = logs.split('\n').filter((line) => /"level":"(warn|error|fatal)"/.test(line));
  return [await trial.kubectl('get', 'pods'), ...lines.slice(-40)].join('\n');
}

/**
 * Returns when all workloads are healthy, and what leads to them is there: kube-proxy may be behind, and some machines
 * have requests to a Service without endpoints answered elsewhere.
 * @throws with Tilt's output when one is not
 */
export async function tiltCi(): Promise<void> {
  mkdirSync(dirname(SNAPSHOT), { recursive: true });
  const place = ['--context', readNames().context, '--port', String(tiltPort())];
  await capture('tilt', ['ci', ...place, '--timeout', '10m', '--output-snapshot-on-exit', SNAPSHOT]);
  for (const [name, { enabled, port }] of Object.entries(loadValues('local').services))
    if (enabled) await eventually(`${name} answers`, () => getJson(`http://localhost:${hostPort(port)}/livez`));
}

/** `tilt up` in the background; its output is shown when a test fails. */
export class Tilt {
  output = '';
  readonly #process: ChildProcess;

  constructor(...args: string[]) {
    this.#process = spawn('tilt', ['up', '--context', readNames().context, '--stream', '--', ...args]);
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
