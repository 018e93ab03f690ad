import type { ServiceClient } from '@stand/chassis/client';
import type { RequestHandler } from 'express';

interface Question {
  service: ServiceClient | undefined;
  /** A cheap route of its users: probes may have a port that only Kubernetes reaches. */
  path: string;
}

interface State {
  state: 'up' | 'down' | 'off';
  /** Why it does not run; in development only. */
  reason?: string;
}

/** Of the problem with which development answers in the place of a service (../../chassis/substitute.cjs). */
const DOES_NOT_RUN = 'urn:problem:does-not-run';

/** Which services are up, down, or switched off, as the page shows it, and where the traces are that it links. */
export function status(questions: Record<string, Question>, tracesUrl: string | undefined): RequestHandler {
  return async (req, res) => {
    const states = Object.entries(questions).map(async ([name, question]) => [name, await stateOf(question, req.id)]);
    res.json({ services: Object.fromEntries(await Promise.all(states)), tracesUrl });
  };
}

async function stateOf({ service, path }: Question, requestId: unknown): Promise<State> {
  if (!service) return { state: 'off' };
  try {
    const answer = await service.call(path, { requestId });
    return answer.ok ? { state: 'up' } : { state: 'down', ...(await readReason(answer)) };
  } catch {
    return { state: 'down' };
  }
}

async function readReason(answer: Response): Promise<{ reason: string } | undefined> {
  const { type, reason } = (await answer.json().catch(() => ({}))) as { type?: string; reason?: string };
  return type === DOES_NOT_RUN && reason ? { reason } : undefined;
}
