/** The lines of a release's pods, as `kubectl logs` has them. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Release } from '../cluster/release.ts';
import { ask } from '../machine/command.ts';
import { eachLine } from '../machine/lines.ts';
import { Fault } from '../machine/terminal.ts';
import { type Extent, type Heed, type Source, TAKEN } from './lines.ts';

const POLL_MS = 2000;
/** How many pods' logs kubectl may read at once. */
const MAX_REQUESTS = 500;

/** `[pod/orders-6c9f7d-x2x4z/migrate] …`, by a Deployment's way of naming pods. */
const PREFIXED = /^\[pod\/(.+)-[a-z0-9]+-[a-z0-9]+\/[^\]]+\] (.*)$/s;

/** How many lines of a container are the end of them. */
const BRIEF = 2000;
/** Kubernetes reads its logs by whole seconds, and another stream's may be late. */
const OVERLAP_MS = 2000;

export class Pods implements Source {
  readonly #place: string[];
  readonly #selection: string[];
  /** The moment of each stream's last line: what is read twice is not newer. */
  readonly #last = new Map<string, string>();

  constructor({ name, namespace, context }: Release, services: string[]) {
    this.#place = ['--context', context, '--namespace', namespace];
    const labels = `app.kubernetes.io/instance=${name},app.kubernetes.io/name in (${services.join(',')})`;
    this.#selection = ['--selector', labels];
  }

  /** @throws {Fault} with kubectl's words */
  async read(heed: Heed, extent: Extent): Promise<void> {
    const reader = this.#start(argumentsOf(extent), heed);
    const [code, words] = await Promise.all([endOf(reader), text(reader.stderr)]);
    if (code !== 0) throw new Fault(words.trim());
  }

  async follow(heed: Heed, extent: Extent): Promise<never> {
    for (let args = argumentsOf(extent); ; await sleep(POLL_MS)) {
      const containers = await this.#containers();
      const reader = this.#start(['--follow', ...args], heed);
      const ended = endOf(reader);
      reader.stderr.resume();
      // kubectl follows those alone that there were at its start.
      do await Promise.race([ended, sleep(POLL_MS)]);
      while (reader.exitCode === null && (await this.#containers()) === containers);
      reader.kill();
      await ended;
      const [last] = [...this.#last.values()].sort().slice(-1);
      if (last) args = ['--tail=-1', `--since-time=${new Date(Date.parse(last) - OVERLAP_MS).toISOString()}`];
    }
  }

  #start(args: string[], heed: Heed): ChildProcessByStdio<null, Readable, Readable> {
    const all = ['--all-containers', '--ignore-errors', `--max-log-requests=${MAX_REQUESTS}`];
    const form = ['--prefix', '--timestamps'];
    const reader = spawn('kubectl', [...this.#place, 'logs', ...this.#selection, ...all, ...form, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    process.once('exit', () => reader.kill());
    eachLine(reader.stdout, (line) => this.#take(line, heed));
    return reader;
  }

  #take(line: string, heed: Heed): void {
    const [, service, rest = ''] = PREFIXED.exec(line) ?? [];
    const [, time, text] = TAKEN.exec(rest) ?? [];
    if (service === undefined || time === undefined || text === undefined) return;
    const stream = line.slice(0, line.indexOf(']'));
    if (time <= (this.#last.get(stream) ?? '')) return;
    this.#last.set(stream, time);
    heed({ service, stream, time, text });
  }

  /** Which containers run; another text when others do. */
  async #containers(): Promise<string> {
    const ids =
      'jsonpath={.items[*].status.initContainerStatuses[*].containerID}{.items[*].status.containerStatuses[*].containerID}';
    return (await ask('kubectl', ...this.#place, 'get', 'pods', ...this.#selection, '--output', ids)).stdout;
  }
}

const argumentsOf = ({ seconds, isBrief }: Extent): string[] => [
  `--tail=${isBrief ? BRIEF : -1}`,
  ...(seconds === undefined ? [] : [`--since=${seconds}s`]),
];

/** Its exit code, once all that it has printed is read. */
const endOf = (child: ChildProcess): Promise<number | null> =>
  new Promise((done, fail) => child.once('error', fail).once('close', done));
