import { until } from '../../../../test/setup/http.ts';
import { type Service, startService } from '../../../../test/setup/service.ts';

/** A process of a service that is started again whenever it dies, and that can be killed at any step of its work. */
export class Replica {
  deaths = 0;
  readonly #name: string;
  #service: Service | undefined;
  #ended = false;
  /** How many pieces it may still send. */
  #left = Number.POSITIVE_INFINITY;

  constructor(name: string) {
    this.#name = name;
  }

  start(env: Record<string, string>): void {
    this.#service = startService(this.#name, env);
    this.#service.process.once('exit', () => {
      if (this.#ended) return;
      this.deaths++;
      this.#left = Number.POSITIVE_INFINITY;
      this.start(env);
    });
  }

  /** Of the process that listens first: one that is killed before it does has none. */
  async url(): Promise<string> {
    const { port } = await until(() => this.#service?.lines.find(({ msg }) => msg === 'listening'));
    return `http://127.0.0.1:${port}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.#service?.process.kill(signal);
  }

  /** Lets it die when it has sent so many pieces from now on, before anything can be answered. */
  dieAt(pieces: number): void {
    this.#left = pieces;
  }

  /** To be asked before each piece that it sends passes. */
  maySend(): boolean {
    if (--this.#left === 0) this.signal('SIGKILL');
    return this.#left >= 0;
  }

  async end(): Promise<void> {
    this.#ended = true;
    this.signal('SIGKILL');
    await this.#service?.exit();
  }
}
