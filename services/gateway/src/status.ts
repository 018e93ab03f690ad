import type { ServiceClient } from '@stand/chassis/client';
import type { RequestHandler } from 'express';

/** Which services are up, down, or switched off, as the page shows it. */
export function status(services: Record<string, ServiceClient | undefined>): RequestHandler {
  return async (req, res) => {
    const states = Object.entries(services).map(async ([name, service]) => [name, await stateOf(service, req.id)]);
    res.json({ services: Object.fromEntries(await Promise.all(states)) });
  };
}

async function stateOf(service: ServiceClient | undefined, requestId: unknown): Promise<'up' | 'down' | 'off'> {
  if (!service) return 'off';
  return service.call('/readyz', { requestId }).then(
    ({ ok }) => (ok ? 'up' : 'down'),
    () => 'down',
  );
}
