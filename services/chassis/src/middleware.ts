import express, { type Express, type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { jsonBody } from './body.ts';
import { keepDeadline } from './deadline.ts';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';
import { notFound, Problem, problemHandler } from './problem.ts';
import { observeRequests } from './requests.ts';

const PROBES = ['/livez', '/readyz', '/metrics'];

/** What each app is given. */
export interface Given {
  logger: Logger;
  health: Health;
}

/**
 * What every service does before its own routes: request ids, logs, metrics, safe headers, JSON bodies; and the probes,
 * unless they have a port of their own.
 */
export function chassis({ logger, health }: Given): Router {
  const router = Router();
  router.use((_req, res, next) => {
    // While stopping, tell clients to open their next connection elsewhere.
    if (health.stopping) res.set('connection', 'close');
    next();
  });
  router.use(observeRequests(logger, health.port === undefined ? PROBES : []));
  if (health.port === undefined) router.use(health.router);
  router.use(wantHost);
  router.use(helmet({ strictTransportSecurity: false, contentSecurityPolicy }));
  router.use(jsonBody, keepDeadline);
  return router;
}

/** What answers on the port that probes and metrics have to themselves. */
export function management({ logger, health }: Given): Express {
  const app = express();
  app.use(observeRequests(logger, PROBES), health.router, notFound, problemHandler);
  return app;
}

/** HTTP/1.1 demands it (RFC 9112, 3.2). */
const wantHost: RequestHandler = (req, _res, next) => {
  if (req.httpVersion === '1.1' && req.headers.host === undefined) throw new Problem(400, 'The Host header is missing');
  next();
};

/** What our pages need: files from here. Plain HTTP is allowed: TLS and its headers are the ingress's business. */
const contentSecurityPolicy = {
  useDefaults: false,
  directives: {
    defaultSrc: ["'self'"],
    objectSrc: ["'none'"],
    baseUri: ["'none'"],
    formAction: ["'self'"],
    frameAncestors: ["'self'"],
  },
};
