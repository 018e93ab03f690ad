/** Whether a service can serve, and why not: asked at its own address, as a developer would. */
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

const TIMEOUT_MS = 3000;

/** Undefined when it is ready, else the reason in a few words, and whether anything answered. */
export async function findUnreadiness(port: number): Promise<{ reason: string; answered: boolean } | undefined> {
  const answer = await ask(port).catch((error: NodeJS.ErrnoException) => error);
  if (answer instanceof Error) return { reason: 'it does not answer', answered: false };
  if (answer.status === 200) return undefined;
  const reason = readReason(answer.body) ?? `/readyz answers ${answer.status}`;
  return { reason, answered: true };
}

/** With an agent of its own: the global one may go through the proxy that the environment names. */
function ask(port: number): Promise<{ status: number; body: string }> {
  return new Promise((done, fail) => {
    const url = `http://localhost:${port}/readyz`;
    const request = get(url, { agent: false, timeout: TIMEOUT_MS }, (answer: IncomingMessage) => {
      text(answer).then((body) => done({ status: answer.statusCode ?? 0, body }), fail);
    });
    request.once('timeout', () => request.destroy(new Error('no answer'))).once('error', fail);
  });
}

/** As the chassis says it. */
function readReason(body: string): string | undefined {
  try {
    const { reason } = JSON.parse(body);
    return typeof reason === 'string' ? reason : undefined;
  } catch {
    return undefined;
  }
}
