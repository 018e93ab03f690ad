/** Host mode's PostgreSQL, kept alive: one that is killed starts again at once, and the services connect anew. */
import { setTimeout as sleep } from 'node:timers/promises';
import { databasePort } from '../facts/ports.ts';
import type { Values } from '../facts/values.ts';
import { announce } from './output.ts';
import { type Postgres, type PostgresOptions, startPostgres } from './postgres.ts';
import { DATA } from './state.ts';

const RETRY_MS = 500;

export class Database {
  readonly #options: PostgresOptions;
  readonly #signal: AbortSignal;
  #server: Postgres | undefined;

  /** No start outlives `signal`. */
  constructor({ postgresql: { auth } }: Values, signal: AbortSignal) {
    const { username: user, password, database } = auth;
    this.#options = { dataDir: DATA, port: databasePort(), user, password, database, signal };
    this.#signal = signal;
  }

  /** @throws with one sentence when it does not start */
  async start(): Promise<void> {
    const server = await startPostgres(this.#options);
    this.#server = server;
    void server.ended.then(() => this.#startAgain());
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async #startAgain(): Promise<void> {
    if (!this.#signal.aborted) announce('✗ PostgreSQL has ended; it starts again');
    const reasons = new Set<string>();
    for (; !this.#signal.aborted; await sleep(RETRY_MS)) {
      try {
        await this.start();
        return announce('✓ PostgreSQL runs again');
      } catch (error) {
        const reason = (error as Error).message;
        if (!reasons.has(reason) && !this.#signal.aborted) announce(`✗ ${reason}`);
        reasons.add(reason);
      }
    }
  }
}
