import type { IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';
import { listen, type Running } from '../../../test/setup/http.ts';

interface Request {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Stands in for a service behind the gateway. */
export interface Stub extends Running {
  /** What it has been asked, in order. */
  requests: Request[];
  /** What it answers, whatever it is asked. */
  answer: Answer;
  reset(): void;
}

const fine = (): Answer => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: '{}',
});

export async function startStub(): Promise<Stub> {
  const running = await listen(async (req, res) => {
    const { method, url, headers } = req;
    stub.requests.push({ method, url, headers, body: await text(req) });
    res.writeHead(stub.answer.status, stub.answer.headers).end(stub.answer.body);
  });
  const stub: Stub = {
    ...running,
    requests: [],
    answer: fine(),
    reset() {
      stub.requests = [];
      stub.answer = fine();
    },
  };
  return stub;
}
