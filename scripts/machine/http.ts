/** HTTP on this machine, asked as a developer would. */
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';

const TIMEOUT_MS = 3000;

/** Something has taken the connection, and says nothing. */
export class Silence extends Error {}

export interface Answer {
  status: number;
  body: string;
}

/**
 * With an agent of its own: the global one may go through the proxy that the environment names.
 * @throws when nothing listens, `signal` aborts, or, as Silence, there is no answer in time
 */
export function askPort(port: number, path: string, signal?: AbortSignal): Promise<Answer> {
  return new Promise((done, fail) => {
    const options = { agent: false, timeout: TIMEOUT_MS, ...(signal && { signal }) };
    const request = get(`http://localhost:${port}${path}`, options, (answer: IncomingMessage) => {
      text(answer).then((body) => done({ status: answer.statusCode ?? 0, body }), fail);
    });
    request.once('timeout', () => request.destroy(new Silence('no answer'))).once('error', fail);
  });
}
