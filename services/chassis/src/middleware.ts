/// <reference types="pino-http" preserve="true" />
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { type Express, type RequestHandler, Router } from 'express';
import helmet from 'helmet';
import { pinoHttp } from 'pino-http';
import { jsonBody } from './body.ts';
import { keepDeadline } from './deadline.ts';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';
import { measureRequests, statusOf } from './metrics.ts';
import { notFound, Problem, problemHandler } from './problem.ts';

const PROBES = ['/livez', '/readyz', '/metrics'];

interface Given {
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
  router.use(logRequests(logger, health.port === undefined ? PROBES : []));
  if (health.port === undefined) router.use(health.router);
  router.use(measureRequests, wantHost);
  router.use(helmet({ strictTransportSecurity: false, contentSecurityPolicy }));
  router.use(jsonBody, keepDeadline);
  return router;
}

/** What answers on the port that probes and metrics have to themselves. */
export function management({ logger, health }: Given): Express {
  const app = express();
  app.use(logRequests(logger, PROBES), health.router, notFound, problemHandler);
  return app;
}

/** A line per request, but for those to the paths in `silent`. */
function logRequests(logger: Logger, silent: string[]): RequestHandler {
  return pinoHttp({
    logger,
    genReqId: requestId,
    customLogLevel: (_req, res, error) => (error || statusOf(res) >= 500 ? 'error' : 'info'),
    customErrorMessage: () => 'request failed',
    // Without an error it makes up one, which says nothing.
    customErrorObject: (_req, res, _error, line) => ({ ...line, err: res.err ?? res.errored ?? undefined }),
    autoLogging: { ignore: (req) => silent.includes(req.url ?? '') },
    quietReqLogger: true,
    customAttributeKeys: { reqId: 'requestId' },
    serializers: { req: ({ method, url }) => ({ method, url }), res: ({ raw }) => ({ statusCode: statusOf(raw) }) },
  });
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

/** The caller's id where it is a sane one, so that one id follows a request through all services; else a new one. */
function requestId(req: IncomingMessage, res: ServerResponse): string {
  const given = req.headers['x-request-id'];
  const id = typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
  res.setHeader('x-request-id', id);
  return id;
}
