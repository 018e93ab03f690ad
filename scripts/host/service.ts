/**
 * One service under nodemon (services/chassis/nodemon.cjs), kept alive. One that dies starts again after a pause that
 * grows, unless its sources have never served as they are, as after a typing error: then it waits for the next save.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual, stripVTControlCharacters } from 'node:util';
import { describeListener, isTaken } from '../machine/ports.ts';
import { endGroup, groupMembers, signalGroup } from '../machine/processes.ts';
import { announce, printLines } from './output.ts';
import { findUnreadiness } from './readiness.ts';
import type { Definition } from './services.ts';

const RUNNER = resolve('services/chassis/nodemon.cjs');
const POLL_MS = 200;
const PATIENCE_MS = 10_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;
/** One that ran this long starts with the first pause again. */
const STEADY_MS = 60_000;
/** SIGINT takes a second at most; what hangs is not waited for. */
const END_MS = 5000;

interface Message {
  type: 'start' | 'serves' | 'died';
}

export class Service {
  readonly definition: Definition;
  readonly #changed: () => void;
  #runner: ChildProcess | undefined;
  /** Resolves when it first can serve. */
  readonly ready: Promise<void>;
  #isReady = (): void => {};
  /** Counts the starts: what waits for one of them stops when the next comes, or the end. */
  #start = 0;
  #startedAt = 0;
  /** Whether it has taken a connection since the last save. */
  #served = false;
  /** The next start is ours, and not a save's. */
  #resumes = false;
  #pause = FIRST_PAUSE_MS;
  #ending = false;
  #lastLine = '';

  /** `changed` is called when its process group is another one. */
  constructor(definition: Definition, changed: () => void) {
    this.definition = definition;
    this.#changed = changed;
    this.ready = new Promise((done) => {
      this.#isReady = done;
    });
  }

  get group(): number | undefined {
    return this.#runner?.pid;
  }

  isAs(definition: Definition): boolean {
    return isDeepStrictEqual(this.definition, definition);
  }

  async start(): Promise<void> {
    if (!(await this.#untilFree())) return;
    const { name, folder: cwd, env } = this.definition;
    // A process group of its own, so that Ctrl-C reaches only us and we end all in order.
    const runner = fork(RUNNER, { cwd, env, execArgv: [], detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#runner = runner;
    printLines(name, [runner.stdout, runner.stderr], (line) => {
      // Those below it are its stack.
      if (!line.startsWith(' ')) this.#lastLine = stripVTControlCharacters(line);
    });
    runner.on('message', (message: Message) => this.#heed(message));
    runner.once('error', (error) => announce(`✗ ${name} can't run: ${error.message}`));
    runner.once('exit', () => this.#runnerEnded(runner));
    this.#changed();
  }

  /** Ends it whole, whatever it does. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#start++;
    const group = this.group;
    if (group === undefined) return;
    signalGroup(group, 'SIGINT');
    for (const end = Date.now() + END_MS; Date.now() < end && groupMembers(group).length > 0; ) await sleep(20);
    await endGroup(group);
  }

  kill(): void {
    this.#ending = true;
    if (this.group !== undefined) signalGroup(this.group, 'SIGKILL');
  }

  #heed({ type }: Message): void {
    if (this.#ending) return;
    if (type === 'start') this.#started();
    if (type === 'serves') this.#served = true;
    if (type === 'died') void this.#died();
  }

  /** Waits while another program has the port. @returns whether the service is still to start then */
  async #untilFree(): Promise<boolean> {
    const { name, port } = this.definition;
    const start = ++this.#start;
    if (await isTaken(port))
      announce(
        `✗ ${name} does not start: port ${port} is taken by ${describeListener(port)}; waiting until it is free`,
      );
    while (start === this.#start && (await isTaken(port))) await sleep(POLL_MS);
    return start === this.#start;
  }

  #started(): void {
    this.#served &&= this.#resumes;
    if (!this.#resumes) this.#pause = FIRST_PAUSE_MS;
    this.#resumes = false;
    this.#startedAt = Date.now();
    this.#lastLine = '';
    void this.#untilReady(++this.#start);
  }

  /** Says within ten seconds why it is not ready, and goes on waiting. */
  async #untilReady(start: number): Promise<void> {
    const { name, port } = this.definition;
    let patience = Date.now() + PATIENCE_MS;
    for (; ; await sleep(POLL_MS)) {
      const fault = await findUnreadiness(port);
      if (start !== this.#start) return;
      if (!fault) break;
      if (Date.now() < patience) continue;
      announce(`✗ ${name} is not ready: ${fault.reason}${fault.answered ? '' : this.#quoteLastLine()}`);
      patience = Number.POSITIVE_INFINITY;
    }
    if (patience === Number.POSITIVE_INFINITY) announce(`✓ ${name} is ready`);
    this.#isReady();
  }

  #quoteLastLine(): string {
    return this.#lastLine ? `; its last line: ${this.#lastLine}` : ', and has printed nothing';
  }

  async #died(): Promise<void> {
    const { name } = this.definition;
    const start = ++this.#start;
    if (!this.#served) return announce(`✗ ${name} did not start, see above; it waits for the next save`);
    await this.#takePause(`✗ ${name} has ended`);
    if (start !== this.#start) return;
    this.#resumes = true;
    this.#runner?.send('restart');
  }

  async #runnerEnded(runner: ChildProcess): Promise<void> {
    if (this.#ending) return;
    const start = ++this.#start;
    // The service that it leaves behind holds the port.
    if (runner.pid) await endGroup(runner.pid);
    await this.#takePause(`✗ nodemon of ${this.definition.name} has ended`);
    if (start !== this.#start) return;
    this.#resumes = true;
    await this.start();
  }

  async #takePause(what: string): Promise<void> {
    if (Date.now() - this.#startedAt > STEADY_MS) this.#pause = FIRST_PAUSE_MS;
    const pause = this.#pause;
    this.#pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    announce(`${what}; it starts again in ${pause / 1000} s`);
    await sleep(pause, undefined, { ref: false });
  }
}
