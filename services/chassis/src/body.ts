import express, { type RequestHandler, Router } from 'express';
import { Problem, sendProblem } from './problem.ts';

const MAX_BYTES = 100 * 1024;
/** Far more than a service wants, and far less than what recursion, JSON.stringify's and PostgreSQL's too, can take. */
const MAX_DEPTH = 100;

const TOO_LARGE = new Problem(413, 'The body is larger than 100 kB');

/** Answers a body that is too large at once and closes the connection: body-parser first reads off all the rest. */
const refuseLarge: RequestHandler = (req, res, next) => {
  const length = Number(req.headers['content-length']);
  if (length > MAX_BYTES) res.set('connection', 'close');
  if (!req.is('json')) return next();
  if (length > MAX_BYTES) throw TOO_LARGE;
  // A body in chunks does not say its length.
  let received = 0;
  req.on('data', ({ length }: Buffer) => {
    received += length;
    if (received > MAX_BYTES && !res.headersSent) sendProblem(res.set('connection', 'close'), TOO_LARGE);
  });
  next();
};

const refuseDeep: RequestHandler = (req, _res, next) => {
  if (isDeeper(req.body, MAX_DEPTH)) throw new Problem(400, `The body is nested deeper than ${MAX_DEPTH} levels`);
  next();
};

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1));
}

/** Which routes want a body, only they know: one that reads a body that is no JSON refuses it by that. */
const refuseOthers: RequestHandler = (req, _res, next) => {
  const hasBody = Number(req.headers['content-length'] ?? 1) > 0;
  if (hasBody && req.is('json') === false)
    Object.defineProperty(req, 'body', {
      configurable: true,
      get() {
        throw new Problem(415, 'The body must be JSON, and Content-Type must say so: application/json');
      },
      set(value) {
        Object.defineProperty(req, 'body', { value, writable: true });
      },
    });
  next();
};

const read = Router().use(refuseLarge, express.json({ limit: MAX_BYTES }), refuseDeep, refuseOthers);

/**
 * Reads JSON bodies of up to 100 kB and 100 levels into `req.body`. A route that reads another kind can have its own
 * parser. A request with neither of these headers has no body (RFC 9112, 6).
 */
export const jsonBody: RequestHandler = (req, res, next) => {
  if ('content-length' in req.headers || 'transfer-encoding' in req.headers) read(req, res, next);
  else next();
};
