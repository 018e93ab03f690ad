import type { ServiceClient } from '@stand/chassis/client';
import { Problem } from '@stand/chassis/problem';
import type { RequestHandler } from 'express';

/** Hands a request to the service behind, without `prefix`, and its answer back. Only what is named here passes. */
export function forward(service: ServiceClient | undefined, prefix: string): RequestHandler {
  return async (req, res) => {
    if (!service) throw new Problem(503, 'This part of the shop is switched off');
    const key = req.get('idempotency-key');
    const answer = await service.call(req.originalUrl.slice(prefix.length), {
      method: req.method,
      headers: key ? { 'idempotency-key': key } : {},
      body: req.body,
      requestId: req.id,
      idempotent: req.method === 'GET' || key !== undefined,
    });
    for (const name of ['content-type', 'retry-after']) {
      const value = answer.headers.get(name);
      if (value) res.set(name, value);
    }
    res.status(answer.status).send(Buffer.from(await answer.arrayBuffer()));
  };
}
