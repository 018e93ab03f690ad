import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Express } from 'express';
import { Fault, toError } from './fault.ts';
import { explain, type Health } from './health.ts';
import { createLogger, type Logger } from './logger.ts';
import { management } from './middleware.ts';
import { createServer } from './server.ts';
import { startTracing, tracing } from './trace.ts';

/** How long each step of a stop takes at most, in ms. */
interface Steps {
  /** Everything is served, until endpoints and load balancers have noticed that we are not ready. */
  drain: number;
  /** What runs may end by itself; a stream, or a request that nobody answers, doesn't. */
  finish: number;
  /** The service lets go of what it holds. */
  close: number;
  /** The last spans are sent, meanwhile. */
  send: number;
}

/** Together well below the pod's terminationGracePeriodSeconds. */
export const SIGTERM: Steps = { drain: 8000, finish: 10_000, close: 2000, send: 2000 };
/** Together below a second, for which a developer waits at each save and Ctrl-C. */
export const SIGINT: Steps = { drain: 0, finish: 700, close: 200, send: 50 };

interface Service {
  app: Express;
  /** `PORT`; that of probes and metrics, where they have one of their own, is the health's. */
  port: number;
  logger: Logger;
  health: Health;
  /** Lets go of what the service holds, such as its pool, once the last request is done. */
  close?: () => Promise<void>;
}

/**
 * Runs a service's start. A fault in it, such as an unusable environment, ends the process with one clear line, and so
 * does later what nobody catches: https://nodejs.org/api/process.html#event-uncaughtexception has rejections, too.
 */
export function run(name: string, start: (logger: Logger) => void): void {
  const logger = createLogger(name);
  process.on('uncaughtException', (error) => exitWithFault(error, logger));
  try {
    startTracing(name, logger);
    start(logger);
  } catch (error) {
    exitWithFault(error, logger);
  }
}

/**
 * Listens, and stops well. SIGTERM, as Kubernetes sends it: not ready, wait for the endpoints to notice, finish what
 * runs, close, exit 0. SIGINT, from a keyboard or nodemon: the same within a second. Neither waits for what hangs.
 */
export function serve({ app, port, logger, health, close = async () => {} }: Service): Server {
  let inFlight = 0;
  const server = createServer((req, res) => {
    inFlight++;
    res.once('close', () => {
      inFlight--;
      closeWhenIdle();
    });
    app(req, res);
  }, logger);
  const closed = new Promise((resolve) => server.once('close', resolve));
  /** Also those that a request has upgraded, which the server no longer knows. */
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });

  /** Ends the connections that are left, such as a browser's spare ones, which have sent nothing yet. */
  function closeWhenIdle(): void {
    if (!server.listening && inFlight === 0) server.closeAllConnections();
  }

  let closing: Promise<void> | undefined;

  /** May run twice at once, as when somebody presses Ctrl-C while it drains: the first to end ends the process. */
  async function stop(steps: Steps): Promise<void> {
    if (!health.stopping) logger.info('stopping');
    health.stop();
    await sleep(steps.drain);
    server.close();
    closeWhenIdle();
    if (!(await isDone(closed, sleep(steps.finish, false)))) {
      logger.warn({ connections: sockets.size }, 'closing connections that did not end in time');
      for (const socket of sockets) socket.destroy();
      await closed;
    }
    const timeIsUp = sleep(steps.close, false);
    const sent = tracing?.end(steps.send);
    closing ??= close();
    if (!(await isDone(closing, timeIsUp))) logger.warn('not everything was closed in time');
    await sent;
    logger.info('stopped');
    process.exit(0);
  }

  process.on('SIGTERM', () => stop(SIGTERM));
  process.on('SIGINT', () => stop(SIGINT));
  listen(server, port, logger, () => {
    if (health.port === undefined) return logger.info({ port: portOf(server) }, 'listening');
    // Ends with the process: probes are asked while it stops, too.
    const probes = createServer(management({ logger, health }), logger);
    listen(probes, health.port, logger, () =>
      logger.info({ port: portOf(server), managementPort: portOf(probes) }, 'listening'),
    );
  });
  return server;
}

/** Whether `work` is done before the time is up. */
function isDone(work: Promise<unknown> | undefined, timeIsUp: Promise<boolean>): Promise<boolean> {
  return Promise.race([Promise.resolve(work).then(() => true), timeIsUp]);
}

function listen(server: Server, port: number, logger: Logger, listening: () => void): void {
  server.on('error', (error) => exitWithFault(error, logger));
  server.listen(port, listening);
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** Ends the process with status 1 and one line that says what is wrong. */
export function exitWithFault(thrown: unknown, logger: Logger): never {
  const error = toError(thrown);
  const expected = error instanceof Fault || (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
  logger.fatal(expected ? {} : { err: error }, explain(error));
  process.exit(1);
}
