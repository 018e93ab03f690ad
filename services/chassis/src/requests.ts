import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { COMPLETED, type Logger } from './logger.ts';
import { countRequest } from './metrics.ts';
import type { ActiveSpan } from './spans.ts';
import { tracing } from './trace.ts';

declare module 'node:http' {
  interface IncomingMessage {
    /** The same in all services that a request goes through. */
    id: string;
    /** Its lines have the request's id. */
    log: Logger;
  }
  interface ServerResponse {
    /** Why we failed. */
    err?: Error;
    /** Why the answer is not what was asked for, in its own words. */
    reason?: string;
  }
}

declare module 'express-serve-static-core' {
  interface Application {
    /** The prototype of its requests. */
    request: Request;
  }
  interface Request {
    /** That of the last route that was found, with those of the routers around it. */
    routePattern?: string;
  }
}

/** Of a reason, in characters: it may quote the client. */
const MAX_REASON = 120;

/** Gives each request an id, and says once what became of it: a line, and the metrics. Not of those to paths in `silent`. */
export function observeRequests(logger: Logger, silent: string[]): RequestHandler {
  return (req, res, next) => {
    const start = performance.now();
    extend(req.app.request, logger);
    req.id = idOf(req);
    res.setHeader('x-request-id', req.id);
    if (silent.includes(req.url)) return next();
    const span = tracing?.request(req);
    if (span) res.setHeader('x-trace-id', span.traceId);
    const finish = (): void => {
      const milliseconds = performance.now() - start;
      logRequest(logger, req, res, milliseconds);
      const { method, routePattern: route } = req;
      void countRequest({ method, route, status: statusOf(res), seconds: milliseconds / 1000 });
    };
    res.once('close', () => {
      if (!span) return finish();
      span.run(finish);
      endSpan(span, req, res);
    });
    if (span) span.run(next);
    else next();
  };
}

/** The caller's id where it is a sane one, else a new one. */
function idOf(req: IncomingMessage): string {
  const given = req.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

/** What a line says of a request. Express takes from `url` what a router is mounted at. */
export function summaryOf({ method, originalUrl }: Request): { method: string; url: string } {
  return { method, url: originalUrl };
}

function logRequest(logger: Logger, req: Request, res: ServerResponse, milliseconds: number): void {
  const statusCode = statusOf(res);
  const line = {
    requestId: req.id,
    req: summaryOf(req),
    res: { statusCode },
    responseTime: Math.round(milliseconds),
    reason: res.reason?.slice(0, MAX_REASON),
  };
  if (statusCode >= 500) logger.error({ ...line, err: failureOf(res) }, 'request failed');
  else logger.info(line, statusCode === 499 ? 'request aborted' : COMPLETED);
}

function endSpan(span: ActiveSpan, req: Request, res: ServerResponse): void {
  const status = statusOf(res);
  const attributes = { 'http.route': req.routePattern, 'http.response.status_code': status };
  if (status < 500) span.end(attributes);
  else span.end({ ...attributes, 'error.type': String(status) }, failureOf(res) ?? status);
}

/**
 * What became of a request: the status that was sent, or, when the answer broke off before its end, 500 by our fault
 * and 499 by the client's leaving, as nginx has it: https://github.com/nginx/nginx/blob/master/src/http/ngx_http_request.h
 */
function statusOf(res: ServerResponse): number {
  if (res.writableFinished) return res.statusCode;
  return failureOf(res) ? Math.max(res.statusCode, 500) : 499;
}

function failureOf(res: ServerResponse): Error | undefined {
  return res.err ?? res.errored ?? undefined;
}

const ROUTE = Symbol('route');

/**
 * Gives the requests of an app what we need of them: on the prototype that they share, as accessors on each would make
 * all use of it slow. Express knows where a router is mounted only while the request is inside it, so the pattern is
 * noted when a route is found.
 */
function extend(requests: Request & { [ROUTE]?: Request['route'] }, logger: Logger): void {
  if (Object.hasOwn(requests, 'log')) return;
  Object.defineProperties(requests, {
    log: {
      get(this: Request) {
        return logger.child({ requestId: this.id });
      },
    },
    route: {
      get(this: typeof requests) {
        return this[ROUTE];
      },
      set(this: typeof requests, route: Request['route']) {
        this[ROUTE] = route;
        // Express takes a mount's path in any case, and each would be another.
        this.routePattern = this.baseUrl.toLowerCase() + String(route.path);
      },
    },
  });
}
