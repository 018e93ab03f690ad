/** Host mode's Jaeger, which takes the traces and shows them. It holds them in memory, and nothing outlives it. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { otlpPort, tracesPort } from '../facts/ports.ts';
import { CHART } from '../facts/values.ts';
import { which } from '../machine/command.ts';
import { serviceEnvironment } from '../machine/environment.ts';
import { endGroup } from '../machine/processes.ts';
import { announce } from './output.ts';
import { STATE } from './state.ts';

const LOG = `${STATE}/jaeger.log`;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

export const jaegerPorts = (): number[] => [tracesPort(), otlpPort()];

/** What the values say where it runs. */
export const jaegerTracing = () => ({
  endpoint: `http://127.0.0.1:${otlpPort()}`,
  url: `http://localhost:${tracesPort()}`,
});

/** The same as in the cluster, as Jaeger's argument. */
export const jaegerConfig = (): string => `--config=yaml:${readFileSync(`${CHART}/jaeger.yaml`, 'utf8')}`;

/** Whether this machine has it; if not, one sentence says so. */
export function findJaeger(): boolean {
  if (which('jaeger')) return true;
  announce('! jaeger is missing, so there are no traces: https://www.jaegertracing.io/download/ has it for PATH');
  return false;
}

/** Kept alive, after a pause that grows. */
export class Jaeger {
  readonly #changed: () => void;
  #process: ChildProcess | undefined;
  #ending = false;
  #pause = FIRST_PAUSE_MS;

  /** `changed` is called when its process group is another one. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get group(): number | undefined {
    return this.#process?.pid;
  }

  start(): void {
    const log = openSync(LOG, 'a');
    // It would trace itself, and send that nowhere.
    const env = serviceEnvironment({
      OTEL_TRACES_SAMPLER: 'always_off',
      JAEGER_OTLP_PORT: String(otlpPort()),
      JAEGER_PAGE_PORT: String(tracesPort()),
    });
    const options: SpawnOptions = { env, detached: true, stdio: ['ignore', log, log] };
    this.#process = spawn('jaeger', [jaegerConfig()], options);
    closeSync(log);
    // One that can't run ends, too.
    this.#process.once('error', () => {}).once('close', () => void this.#startAgain());
    this.#changed();
  }

  async end(): Promise<void> {
    this.#ending = true;
    if (this.group !== undefined) await endGroup(this.group);
  }

  async #startAgain(): Promise<void> {
    if (this.#ending) return;
    announce(`✗ Jaeger has ended, ${LOG} says why; it starts again in ${this.#pause / 1000} s`);
    await sleep(this.#pause, undefined, { ref: false });
    this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE_MS);
    if (!this.#ending) this.start();
  }
}
