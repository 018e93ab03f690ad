/** A constant load of requests while something is done to those who answer, and what became of each. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const INTERVAL_MS = 25;
const REQUEST_TIMEOUT_MS = 10_000;
/** Load before and after: endpoints change a moment later than pods. */
const MARGIN_MS = 2000;

export interface Load {
  sent: number;
  /** What went wrong with the requests that failed. */
  failures: string[];
}

export interface Reply {
  status: number;
  text: string;
}

/** Sends one of `requests` after the other, 40 a second, while `work` runs; one that rejects has failed. */
export async function underLoad(requests: (() => Promise<unknown>)[], work: () => Promise<unknown>): Promise<Load> {
  const failures: string[] = [];
  const replies: Promise<unknown>[] = [];
  const next = () => {
    const send = requests[replies.length % requests.length];
    replies.push(Promise.resolve(send?.()).catch((error) => failures.push(error.message)));
  };
  const timer = setInterval(next, INTERVAL_MS);
  try {
    await sleep(MARGIN_MS);
    await work();
    await sleep(MARGIN_MS);
  } finally {
    clearInterval(timer);
    await Promise.all(replies);
  }
  return { sent: replies.length, failures };
}

// Half of the load keeps its connections, as browsers and proxies do; the other half opens one per request.
const agents = [new Agent({ keepAlive: true, maxSockets: 20, scheduling: 'fifo' }), new Agent()];
let turn = 0;

/** A GET, or a POST of `body`. @throws without an answer, or with one of 500 or above: nobody was served */
export function send(url: string, body?: object, headers: Record<string, string> = {}): Promise<Reply> {
  const options = {
    method: body ? 'POST' : 'GET',
    agent: agents[turn++ % agents.length],
    headers: body ? { 'content-type': 'application/json', ...headers } : headers,
    timeout: REQUEST_TIMEOUT_MS,
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      answer.once('error', reject);
      answer.once('end', () => {
        const { statusCode: status = 0 } = answer;
        if (status < 500) resolve({ status, text });
        else reject(new Error(`${status} ${text.slice(0, 200)}`));
      });
    });
    sent.once('timeout', () => sent.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
    sent.once('error', reject);
    sent.end(body && JSON.stringify(body));
  });
}
