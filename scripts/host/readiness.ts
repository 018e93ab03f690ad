/** Whether a service can serve, and why not. */
import { askPort } from '../machine/http.ts';
import { parseObject } from '../machine/json.ts';

/** Undefined when it is ready, else the reason in a few words, and whether anything answered. */
export async function findUnreadiness(
  port: number,
  signal?: AbortSignal,
): Promise<{ reason: string; answered: boolean } | undefined> {
  const answer = await askPort(port, '/readyz', signal).catch(() => undefined);
  if (!answer) return { reason: 'it does not answer', answered: false };
  if (answer.status === 200) return undefined;
  // As the chassis says it.
  const { reason } = parseObject(answer.body);
  return { reason: typeof reason === 'string' ? reason : `/readyz answers ${answer.status}`, answered: true };
}
