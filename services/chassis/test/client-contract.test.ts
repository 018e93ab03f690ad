import { text } from 'node:stream/consumers';
import { type ApiOf, route } from '@stand/chassis/api';
import { ServiceClient } from '@stand/chassis/client';
import { Problem } from '@stand/chassis/problem';
import { numeral } from '@stand/chassis/schema';
import { expect } from 'chai';
import * as v from 'valibot';
import { listen, type Running } from '../../../test/setup/http.ts';

const Cup = v.strictObject({ name: v.string() });
const Params = v.object({ id: v.string() });

/** Its contracts alone count: what is called is a stub. */
const cups = () => [
  route(
    'GET /cups',
    {
      summary: 'List them',
      query: v.object({
        limit: numeral({ max: 9, fallback: 5 }),
        search: v.optional(v.string()),
        tag: v.optional(v.array(v.string())),
      }),
      headers: v.object({ 'x-key': v.optional(v.string()) }),
      answers: { 200: v.array(Cup) },
    },
    () => [],
  ),
  route(
    'PUT /cups/:id',
    { summary: 'Set one', params: Params, body: Cup, answers: { 200: Cup, 202: 'Later', 404: 'None', 409: 'Sold' } },
    ({ body }) => body,
  ),
  route('POST /cups', { summary: 'Make one', body: Cup, answers: { 201: Cup } }, ({ body }) => body),
  route('DELETE /cups/:id', { summary: 'Break one', params: Params, answers: { 204: 'It is gone' } }, () => {}),
];

const JSON_TYPE = 'application/json; charset=utf-8';
const PROBLEM_TYPE = 'application/problem+json; charset=utf-8';

describe('a call by its contract', () => {
  let service: Running;
  let client: ServiceClient<ApiOf<typeof cups>>;
  /** What the service has been asked, and the request ids. */
  let asked: string[];
  let ids: unknown[];
  let headers: Record<string, unknown>;
  /** What it answers; the first `broken` requests it does not. */
  let answer: [status: number, type: string | undefined, body: string];
  let broken: number;

  before(async () => {
    service = await listen(async (req, res) => {
      asked.push(`${req.method} ${req.url} ${await text(req)}`.trim());
      ids.push(req.headers['x-request-id']);
      headers = req.headers;
      if (asked.length <= broken) return void req.socket.destroy();
      const [status, type, body] = answer;
      res.writeHead(status, { 'x-from': 'cups', ...(type && { 'content-type': type }) }).end(body);
    });
    client = new ServiceClient('cups', service.url, [1]);
  });
  after(() => service.close());
  beforeEach(() => {
    asked = [];
    ids = [];
    broken = 0;
    answer = [200, JSON_TYPE, '{"name":"Cup"}'];
  });

  const put = (id = '1') =>
    client.ask('PUT /cups/:id', { params: { id }, body: { name: 'Cup' }, requestId: 'an-id', expect: [200, 202, 404] });
  /** That the call fails as a problem. */
  async function fails(call: Promise<unknown>, status: number, detail: string): Promise<void> {
    const error = await call.then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).to.be.instanceOf(Problem).and.to.include({ status, detail });
  }

  it('sends the parts where they belong', async () => {
    await put('a/b?c d');
    answer = [200, JSON_TYPE, '[]'];
    const query = { search: 'a&b', limit: '7', tag: ['x', 'y'] };
    await client.ask('GET /cups', { query, headers: { 'x-key': 'k' }, requestId: 'an-id', expect: [200] });
    expect(asked).to.deep.equal([
      'PUT /cups/a%2Fb%3Fc%20d {"name":"Cup"}',
      'GET /cups?search=a%26b&limit=7&tag=x&tag=y',
    ]);
    expect(ids).to.deep.equal(['an-id', 'an-id']);
    expect(headers).to.include({ 'x-key': 'k' });
  });

  it('leaves out what is undefined', async () => {
    answer = [200, JSON_TYPE, '[]'];
    const nothing = { query: { search: undefined }, headers: { 'x-key': undefined } };
    await client.ask('GET /cups', { ...nothing, requestId: 'an-id', expect: [200] });
    await client.ask('GET /cups', { requestId: 'an-id', expect: [200] });
    expect(asked).to.deep.equal(['GET /cups', 'GET /cups']);
    expect(headers).to.not.have.property('x-key');
  });

  for (const id of ['', '.', '..'])
    it(`asks for no other route when a parameter is "${id}"`, async () => {
      await fails(put(id), 400, `"${id}" can't be a part of a path`);
      expect(asked).to.deep.equal([]);
    });

  it('gives status, headers and body', async () => {
    const { status, headers, body } = await put();
    expect([status, headers.get('x-from'), body]).to.deep.equal([200, 'cups', { name: 'Cup' }]);
  });

  it('gives the problem that is expected', async () => {
    answer = [404, PROBLEM_TYPE, '{"status":404,"detail":"There is no cup 1"}'];
    const { status, body } = await put();
    expect([status, status === 404 && body.detail]).to.deep.equal([404, 'There is no cup 1']);
  });

  it('gives no body where there is none', async () => {
    answer = [204, undefined, ''];
    const gone = await client.ask('DELETE /cups/:id', { params: { id: '1' }, requestId: 'an-id', expect: [204] });
    answer = [202, undefined, ''];
    expect([gone.body, (await put()).body]).to.deep.equal([undefined, undefined]);
  });

  const unlike: Record<string, typeof answer> = {
    'a status that is not expected': [409, PROBLEM_TYPE, '{"status":409,"detail":"Sold"}'],
    'a 404 that is no problem, such as a proxy’s': [404, 'text/html', 'Not Found'],
    'a 404 without a body': [404, undefined, ''],
    'a body that is not said to be JSON': [200, 'text/html', '{"name":"Cup"}'],
    'a body that is not JSON': [200, JSON_TYPE, '<html>'],
    'a problem with a status of success': [200, PROBLEM_TYPE, '{"status":404,"detail":"There is no cup 1"}'],
  };
  for (const [what, given] of Object.entries(unlike))
    it(`is an outage after ${what}`, async () => {
      answer = given;
      await fails(put(), 503, `cups answers ${given[0]}`);
    });

  it('is repeated as any other: where the method allows it, or the caller', async () => {
    broken = 1;
    expect((await put()).status).to.equal(200);
    expect(asked).to.have.length(2);
    expect(ids).to.deep.equal(['an-id', 'an-id']);

    const post = (idempotent?: boolean) =>
      client.ask('POST /cups', { body: { name: 'Cup' }, requestId: 'an-id', expect: [201], idempotent });
    answer = [201, JSON_TYPE, '{"name":"Cup"}'];
    asked = [];
    await fails(post(), 503, 'cups is not reachable at the moment');
    asked = [];
    expect((await post(true)).body).to.deep.equal({ name: 'Cup' });
  });
});
