import { Router } from 'express';
import type { Logger } from './logger.ts';

/** Rejects when the service can't serve; the message says why. */
export type Check = () => Promise<unknown>;

export interface Health {
  router: Router;
  /** From now on `/readyz` says 503, so that no new traffic is sent here. */
  stop(): void;
  readonly stopping: boolean;
}

const TIMEOUT_MS = 1500;

/**
 * The two probes. `/livez` answers while the process can answer at all: a dead database is no reason to restart.
 * `/readyz` runs the check; it logs when the answer changes, not at each probe.
 */
export function createHealth({ logger, check = async () => {} }: { logger: Logger; check?: Check }): Health {
  let stopping = false;
  let fault: string | undefined = 'starting';

  async function findFault(): Promise<string | undefined> {
    if (stopping) return 'stopping';
    return withTimeout(check(), TIMEOUT_MS).then(() => undefined, explain);
  }

  function note(found: string | undefined): void {
    if (found === fault) return;
    if (found) logger.warn({ reason: found }, `not ready: ${found}`);
    else logger.info('ready');
    fault = found;
  }

  const router = Router();
  router.get('/livez', (_req, res) => {
    res.json({ status: 'up' });
  });
  router.get('/readyz', async (_req, res) => {
    const found = await findFault();
    note(found);
    res.status(found ? 503 : 200).json(found ? { status: 'down', reason: found } : { status: 'up' });
  });

  return {
    router,
    stop: () => {
      stopping = true;
    },
    get stopping() {
      return stopping;
    },
  };
}

/** A sentence for a log. Node puts failed connections to several addresses into one AggregateError without a message. */
export function explain(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(explain).join(', ');
  return error instanceof Error ? error.message : String(error);
}

async function withTimeout<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}
