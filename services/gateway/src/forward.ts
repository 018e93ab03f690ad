import type { Forwarded, Operation, Route } from '@stand/chassis/api';
import type { Callee, Contracts, ServiceClient } from '@stand/chassis/client';
import { Problem } from '@stand/chassis/problem';
import type { Request } from 'express';

/** Hands requests to the service behind, without `prefix`, and its answers back. Only what is named here passes. */
export function forward<Api extends Contracts>(
  service: ServiceClient<Api> | undefined,
  prefix: string,
  ...operations: (keyof Api & Operation)[]
): Forwarded[] {
  const handle = handTo(service, prefix);
  return operations.map((operation) => ({
    operation: operation.replace(' ', ` ${prefix}`) as Operation,
    origin: { service, operation },
    handle,
  }));
}

function handTo(service: Callee | undefined, prefix: string): Route['handle'] {
  return async (req, res) => {
    if (!service) throw new Problem(503, 'This part of the shop is switched off');
    const key = req.get('idempotency-key');
    const target = targetOf(req, prefix);
    const answer = await service.call(target, {
      // A HEAD is asked as GET: only from the body follows what a GET's headers are. Express leaves the body out.
      method: req.method === 'HEAD' ? 'GET' : req.method,
      headers: key === undefined ? {} : { 'idempotency-key': key },
      body: req.method === 'POST' ? req.body : undefined,
      requestId: req.id,
      idempotent: req.method !== 'POST' || key !== undefined,
    });
    for (const name of ['content-type', 'retry-after']) {
      const value = answer.headers.get(name);
      if (value) res.set(name, value);
    }
    const location = answer.headers.get('location');
    if (location && URL.canParse(location, service.url))
      res.set('location', publicLocation(location, target, service, prefix));
    const body = Buffer.from(await answer.arrayBuffer());
    if (!answer.ok) res.reason = detailOf(body);
    res.status(answer.status).send(body);
  };
}

/** Of a problem (RFC 9457), for the log; undefined for any other body. */
function detailOf(body: Buffer): string | undefined {
  try {
    const { detail } = JSON.parse(String(body));
    return typeof detail === 'string' ? detail : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The path and query for the service behind. Not from the URL as it came, which may start with a host, and only a
 * path that fetch takes as it is: with `..` or a backslash in it, it would end at another route, such as /metrics.
 */
function targetOf({ path, originalUrl }: Request, prefix: string): string {
  const target = path.slice(prefix.length);
  if (new URL(target, 'http://service').pathname !== target) throw new Problem(404, `There is no ${path}`);
  return target + (/\?.*/.exec(originalUrl)?.[0] ?? '');
}

/** Where a Location leads by way of the gateway; one that leads elsewhere stays. */
function publicLocation(location: string, target: string, { url }: Callee, prefix: string): string {
  const base = new URL(`${url}/`).href;
  const { href } = new URL(location, url + target);
  return href.startsWith(base) ? `${prefix}/${href.slice(base.length)}` : location;
}
