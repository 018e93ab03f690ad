import type { ServiceClient } from '@stand/chassis/client';
import type { RequestHandler } from 'express';

interface Question {
  service: ServiceClient | undefined;
  /** A cheap route of its users: probes may have a port that only Kubernetes reaches. */
  path: string;
}

/** Which services are up, down, or switched off, as the page shows it, and where the traces are that it links. */
export function status(questions: Record<string, Question>, tracesUrl: string | undefined): RequestHandler {
  return async (req, res) => {
    const states = Object.entries(questions).map(async ([name, question]) => [name, await stateOf(question, req.id)]);
    res.json({ services: Object.fromEntries(await Promise.all(states)), tracesUrl });
  };
}

async function stateOf({ service, path }: Question, requestId: unknown): Promise<'up' | 'down' | 'off'> {
  if (!service) return 'off';
  return service.call(path, { requestId }).then(
    ({ ok }) => (ok ? 'up' : 'down'),
    () => 'down',
  );
}
