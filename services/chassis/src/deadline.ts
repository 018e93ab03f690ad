import { AsyncLocalStorage } from 'node:async_hooks';
import type { Request, RequestHandler, Response } from 'express';

/** The most that anybody waits for an answer, in ms. */
const LIMIT_MS = 5000;
/** What a service keeps of its caller's time: it says that a service behind is silent while its caller still listens. */
const RESERVE_MS = 500;

/** How long the caller waits for the answer, in ms. Like gRPC's `grpc-timeout`, it shrinks from service to service. */
export const TIMEOUT_HEADER = 'x-request-timeout-ms';

const requests = new AsyncLocalStorage<{ res: Response; end: number }>();

/** Notes until when this request is to be answered. A header that is no number counts as none, a longer time as 5 s. */
export const keepDeadline: RequestHandler = (req, res, next) => {
  const given = req.get(TIMEOUT_HEADER) ?? '';
  const wait = /^\d{1,9}$/.test(given) ? Math.min(Number(given), LIMIT_MS) : LIMIT_MS;
  requests.run({ res, end: performance.now() + wait }, next);
};

/** The request that is being handled. */
export const requestOfNow = (): Request | undefined => requests.getStore()?.res.req;

/**
 * How long a call to another service may take, in ms: less than what is left for the request that it is made for, and
 * 5 s for one that is made for none, such as by what goes on after the answer.
 */
export function timeForCall(): number {
  const request = requests.getStore();
  if (!request || request.res.writableEnded || request.res.destroyed) return LIMIT_MS;
  return Math.max(0, request.end - performance.now() - RESERVE_MS);
}
