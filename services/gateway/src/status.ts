import { route } from '@stand/chassis/api';
import type { ServiceClient } from '@stand/chassis/client';
import * as v from 'valibot';

interface Question {
  service: ServiceClient | undefined;
  /** A cheap route of its users: probes may have a port that only Kubernetes reaches. */
  path: string;
}

const State = v.strictObject({
  state: v.picklist(['up', 'down', 'off']),
  reason: v.optional(v.pipe(v.string(), v.description('Why it does not run; in development only'))),
});
const Status = v.strictObject({
  services: v.record(v.string(), State),
  tracesUrl: v.optional(v.pipe(v.string(), v.description('Where people look at traces'))),
});
type State = v.InferOutput<typeof State>;

/** Of the problem with which development answers in the place of a service (../../chassis/substitute.cjs). */
const DOES_NOT_RUN = 'urn:problem:does-not-run';

/** Which services are up, down, or switched off, as the page shows it, and where the traces are that it links. */
export const status = (questions: Record<string, Question>, tracesUrl: string | undefined) =>
  route('GET /api/status', { summary: 'Say which services are up', answers: { 200: Status } }, async ({ req }) => {
    const states = Object.entries(questions).map(async ([name, question]) => [name, await stateOf(question, req.id)]);
    return { services: Object.fromEntries(await Promise.all(states)), tracesUrl };
  });

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
