/**
 * make wait [SERVICE=orders] [TIMEOUT=60]: returns when every service that runs, or those of SERVICE, is ready and was
 * started from the sources as they are on disk by then. Exit code 17 after TIMEOUT seconds or where nothing runs, 18 when
 * one does not start from these sources, or its migrations have failed, with its error.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { argument, listArgument } from '../facts/arguments.ts';
import type { Mode } from '../facts/mode.ts';
import { hostPort } from '../facts/ports.ts';
import { Fault, run, say } from '../machine/terminal.ts';
import { findErrors } from '../status/errors.ts';
import { type Look, lookAt, tellsSources } from '../status/look.ts';
import { describePods } from '../status/pods.ts';
import { chooseServices, findRunning, type Running } from '../status/running.ts';

const TIMED_OUT = 17;
const DOES_NOT_START = 18;
const POLL_MS = 50;
const MAX_S = 86_400;

run(async () => {
  const seconds = readTimeout(argument('TIMEOUT') || '60');
  const running = await findRunning();
  if (!running.runs) throw new Fault('Nothing of the stand runs', 'Start it: make dev', TIMED_OUT);
  const names = chooseServices(running, listArgument('SERVICE'));
  const off = names.find((name) => !running.values.services[name]?.enabled);
  if (off) throw new Fault(`${off} is not among the services that run`, 'make dev SERVICES="…" runs it.', TIMED_OUT);

  const timeout = AbortSignal.timeout(seconds * 1000);
  // Each service asks by it, and Node.js warns of more than ten.
  setMaxListeners(0, timeout);
  const services = names.map((name) => new Awaited(name, running, timeout));
  let areCurrent = false;
  while (!areCurrent && !timeout.aborted) {
    await Promise.all(services.map((service) => service.untilCurrent()));
    // Once more, as the files may have changed while one waited for another.
    areCurrent = (await Promise.all(services.map((service) => service.isCurrent()))).every(Boolean);
  }
  if (!areCurrent) throw await explain(running, services, seconds);
  const released = services.filter(({ isReleased }) => isReleased).map(({ name }) => name);
  const current = names.filter((name) => !released.includes(name));
  if (current.length > 0) say(`✓ Ready, by the sources as they are: ${current.join(', ')}`);
  if (released.length > 0) say(`✓ Ready, as they were released: ${released.join(', ')}`);
});

function readTimeout(text: string): number {
  const seconds = Number(text);
  if (/^\d+$/.test(text) && seconds > 0 && seconds <= MAX_S) return seconds;
  throw new Fault(`TIMEOUT is a number of seconds from 1 to ${MAX_S}, not ${text}`);
}

/** A service, asked again and again. */
class Awaited {
  readonly name: string;
  /** What it still waits for. */
  missing: string | undefined = 'it does not answer';
  /** make dev EDIT= and ENV=staging run what tells no sources. */
  isReleased = false;
  readonly #port: number;
  readonly #running: Running;
  readonly #timeout: AbortSignal;
  #said = '';

  constructor(name: string, running: Running, timeout: AbortSignal) {
    this.name = name;
    this.#port = hostPort(running.values.services[name]?.port ?? 0);
    this.#running = running;
    this.#timeout = timeout;
    if (!tellsSources(name))
      say(`! ${name} is in another language, which tells nothing of its sources: it is asked for readiness alone`);
  }

  /** Also returns when there is no time left. @throws {Fault} when only another save can help */
  async untilCurrent(): Promise<void> {
    while (!(await this.isCurrent()) && !this.#timeout.aborted) await sleep(POLL_MS);
  }

  /** @throws {Fault} when only another save can help */
  async isCurrent(): Promise<boolean> {
    const look = await lookAt(this.name, this.#port, this.#running.mode, this.#timeout);
    if (this.#timeout.aborted) return false;
    if (look.isFinal && look.current) throw await this.#explain(look);
    this.isReleased = look.current === null && tellsSources(this.name);
    this.missing = findMissing(this.name, this.#running.mode, look);
    if (this.missing && this.missing !== this.#said) say(`… ${this.name}: ${this.missing}`);
    this.#said = this.missing ?? '';
    return !this.missing;
  }

  /** What was said of it, also where another process than its own has said it. */
  async #explain({ reason, error }: Look): Promise<Fault> {
    const words = error ?? (await findErrors(this.#running)).find(this.name)?.text;
    return new Fault([`${this.name} ${reason}`, words].filter(Boolean).join('\n'), undefined, DOES_NOT_START);
  }
}

function findMissing(name: string, mode: Mode, { state, reason, current }: Look): string | undefined {
  if (current === false) return 'it runs, or has failed by, other sources than those on disk';
  if (state !== 'ready') return reason ?? state;
  return current !== null || !tellsSources(name) || mode === 'cluster'
    ? undefined
    : 'it does not tell by which sources it runs';
}

/** In the cluster the pods know more. */
async function explain({ mode }: Running, services: Awaited[], seconds: number): Promise<Fault> {
  const pods = mode === 'cluster' ? await describePods() : new Map();
  const lines = services.flatMap(({ name, missing }) =>
    missing ? [`  ${name}: ${[missing, pods.get(name)?.reason].filter(Boolean).join('; ')}`] : [],
  );
  return new Fault([`Not ready after ${seconds} s:`, ...lines].join('\n'), 'make status says more.', TIMED_OUT);
}
