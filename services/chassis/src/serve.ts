import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Express } from 'express';
import { Fault } from './fault.ts';
import { explain, type Health } from './health.ts';
import { createLogger, type Logger } from './logger.ts';
import { management } from './middleware.ts';

/** How long endpoints and load balancers may take to notice that we are not ready. */
const DRAIN_MS = 8000;
/** A stop takes no longer than this, below the pod's terminationGracePeriodSeconds of 30. */
const LIMIT_MS = 25_000;
/** Longer than a load balancer keeps idle connections (60 s is the common default), so that it is never us who close first. */
const KEEP_ALIVE_MS = 65_000;

interface Service {
  app: Express;
  /** `PORT`; that of probes and metrics, where they have one of their own, is the health's. */
  port: number;
  logger: Logger;
  health: Health;
  /** Lets go of what the service holds, such as its pool, once the last request is done. */
  close?: () => Promise<void>;
}

/** Runs a service's start; a fault in it, such as an unusable environment, ends the process with one clear line. */
export function run(name: string, start: (logger: Logger) => void): void {
  const logger = createLogger(name);
  try {
    start(logger);
  } catch (error) {
    exitWithFault(error, logger);
  }
}

/**
 * Listens, and stops well. SIGTERM, as Kubernetes sends it: not ready, wait for the endpoints to notice, finish what
 * runs, close, exit 0. SIGINT, from a keyboard or nodemon: the same without the wait.
 */
export function serve({ app, port, logger, health, close = async () => {} }: Service): Server {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, app);
  let inFlight = 0;
  server.on('request', (_req, res) => {
    inFlight++;
    res.once('close', () => {
      inFlight--;
      closeWhenIdle();
    });
  });

  /** Ends the connections that are left, such as a browser's spare ones, which have sent nothing yet. */
  function closeWhenIdle(): void {
    if (!server.listening && inFlight === 0) server.closeAllConnections();
  }

  async function stop(drainMs: number): Promise<void> {
    if (health.stopping) return;
    health.stop();
    logger.info('stopping');
    setTimeout(() => exit(1, 'some requests did not end in time'), LIMIT_MS).unref();
    await sleep(drainMs);
    const closed = new Promise((resolve) => server.close(resolve));
    closeWhenIdle();
    await closed;
    await close();
    exit(0, 'stopped');
  }

  function exit(code: number, message: string): void {
    logger.info(message);
    process.exit(code);
  }

  process.on('SIGTERM', () => stop(DRAIN_MS));
  process.on('SIGINT', () => stop(0));
  listen(server, port, logger, () => {
    if (health.port === undefined) return logger.info({ port: portOf(server) }, 'listening');
    // Ends with the process: probes are asked while it stops, too.
    const probes = createServer(management({ logger, health }));
    listen(probes, health.port, logger, () =>
      logger.info({ port: portOf(server), managementPort: portOf(probes) }, 'listening'),
    );
  });
  return server;
}

function listen(server: Server, port: number, logger: Logger, listening: () => void): void {
  server.on('error', (error) => exitWithFault(error, logger));
  server.listen(port, listening);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Ends the process with status 1 and one line that says what is wrong. */
export function exitWithFault(error: unknown, logger: Logger): never {
  const expected = error instanceof Fault || (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  logger.fatal(expected ? {} : { err: error }, explain(error));
  process.exit(1);
}
