/// <reference types="pino-http" preserve="true" />
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import express, { Router } from 'express';
import helmet from 'helmet';
import { pinoHttp } from 'pino-http';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';
import { measureRequests, serveMetrics } from './metrics.ts';

const PROBES = ['/livez', '/readyz', '/metrics'];

/** What every service does before its own routes: request ids, logs, metrics, probes, safe headers, JSON bodies. */
export function chassis({ logger, health }: { logger: Logger; health: Health }): Router {
  const router = Router();
  router.use((_req, res, next) => {
    // While stopping, tell clients to open their next connection elsewhere.
    if (health.stopping) res.set('connection', 'close');
    next();
  });
  router.use(
    pinoHttp({
      logger,
      genReqId: requestId,
      customLogLevel: (_req, res, error) => (error || res.statusCode >= 500 ? 'error' : 'info'),
      autoLogging: { ignore: (req) => PROBES.includes(req.url ?? '') },
      quietReqLogger: true,
      customAttributeKeys: { reqId: 'requestId' },
      serializers: { req: ({ method, url }) => ({ method, url }), res: ({ statusCode }) => ({ statusCode }) },
    }),
  );
  router.use(health.router);
  router.get('/metrics', serveMetrics);
  router.use(measureRequests);
  router.use(helmet({ strictTransportSecurity: false, contentSecurityPolicy: { directives: contentPolicy } }));
  router.use(express.json({ limit: '100kb' }));
  return router;
}

/** Only from here, and plain HTTP allowed: TLS and its headers are the ingress's business. */
const contentPolicy = { defaultSrc: ["'self'"], upgradeInsecureRequests: null };

/** The caller's id where it is a sane one, so that one id follows a request through all services; else a new one. */
function requestId(req: IncomingMessage, res: ServerResponse): string {
  const given = req.headers['x-request-id'];
  const id = typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
  res.setHeader('x-request-id', id);
  return id;
}
