import { existsSync, readFileSync } from 'node:fs';
import { Router } from 'express';
import type { Logger } from './logger.ts';
import { serveMetrics } from './metrics.ts';

declare global {
  /** A hash of the sources that this process has started from; in production there is none. */
  var __sources: string | undefined;
}

/** Rejects when the service can't serve; the message says why. */
export type Check = () => Promise<unknown>;

interface Options {
  logger: Logger;
  check?: Check;
  /** `MANAGEMENT_PORT` */
  port?: number | undefined;
}

export interface Health {
  /** The probes and the metrics. */
  router: Router;
  /** The port that these have to themselves; undefined where they are served with all else. */
  readonly port: number | undefined;
  /** From now on `/readyz` says 503, so that no new traffic is sent here. */
  stop(): void;
  readonly stopping: boolean;
}

const TIMEOUT_MS = 1500;

/**
 * The two probes, and the metrics beside them. `/livez` answers while the process can answer at all: a dead database is
 * no reason to restart. In development it tells by which sources and migrations, and which faults are set, as make wait,
 * make status and make fault ask. `/readyz` runs the check; it logs when the answer changes and each reason once, not at
 * each probe.
 */
export function createHealth({ logger, check = async () => {}, port }: Options): Health {
  let stopping = false;
  let ready = false;
  /** The reasons since it was last ready; an unreachable host has several, by turns. */
  const reasons = new Set<string>();

  async function findFault(): Promise<string | undefined> {
    if (stopping) return 'stopping';
    return withTimeout(check(), TIMEOUT_MS).then(() => undefined, explain);
  }

  function note(fault: string | undefined): void {
    if (fault && !reasons.has(fault)) logger.warn({ reason: fault }, `not ready: ${fault}`);
    if (!fault && !ready) logger.info('ready');
    ready = !fault;
    if (fault) reasons.add(fault);
    else reasons.clear();
  }

  const router = Router();
  router.get('/livez', (_req, res) => {
    const sources = globalThis.__sources;
    res.json({ status: 'up', ...(sources && { sources, migrated: readMigrated(), faults: readFaults() }) });
  });
  router.get('/readyz', async (_req, res) => {
    const fault = await findFault();
    note(fault);
    res.status(fault ? 503 : 200).json(fault ? { status: 'down', reason: fault } : { status: 'up' });
  });

  router.get('/metrics', serveMetrics);

  return {
    router,
    port,
    stop: () => {
      stopping = true;
    },
    get stopping() {
      return stopping;
    },
  };
}

/** What a container in development has noted of its migrations (../migrated.cjs). */
function readMigrated(): unknown {
  return existsSync('.migrated') ? JSON.parse(readFileSync('.migrated', 'utf8')) : undefined;
}

/** What make fault has set for the calls of this service (../fault-injection.cjs). */
function readFaults(): unknown {
  return JSON.parse(process.env.CHASSIS_FAULTS ?? '{}');
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
