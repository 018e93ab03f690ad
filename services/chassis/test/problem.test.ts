import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type App, startApp } from '../../../test/setup/app.ts';
import { type Answer, type Sent, send, sendRaw, until } from '../../../test/setup/http.ts';
import { createFixture } from './fixture.ts';

describe('an answer that is an error', () => {
  let app: App;
  before(async () => {
    app = await startApp(createFixture);
  });
  after(() => app.close());

  const get = (path: string): Promise<Answer> => send(app.url + path);
  const post = (body: unknown, headers?: Sent['headers']): Promise<Answer> =>
    send(`${app.url}/echo`, { method: 'POST', body, headers });
  const expectProblem = (answer: Answer, status: number, detail: string | RegExp): void => {
    expect(answer).to.include({ status, type: 'application/problem+json; charset=utf-8' });
    expect(answer.body).to.include({ type: 'about:blank', status });
    expect(answer.body.detail).to.match(typeof detail === 'string' ? new RegExp(`^${detail}$`) : detail);
    expect(answer.body.requestId).to.equal(answer.headers.get('x-request-id'));
    expect(answer.text).to.not.match(/node_modules|\.ts:|secret/);
  };

  it('is 404 on an unknown route', async () => {
    expectProblem(await get('/nowhere'), 404, 'There is no GET /nowhere');
    expectProblem(await send(`${app.url}/things`, { method: 'DELETE' }), 404, 'There is no DELETE /things');
  });

  it('is 405 with Allow where the path has a route for other methods; OPTIONS asks for them', async () => {
    for (const [method, path, allow] of [
      ['DELETE', '/echo', 'POST'],
      ['GET', '/echo', 'POST'],
      ['POST', '/things/1', 'GET, HEAD'],
      ['PATCH', '/livez', 'GET, HEAD'],
    ] as const) {
      const answer = await send(app.url + path, { method });
      expectProblem(answer, 405, `There is no ${method} ${path}, but ${allow}`);
      expect(answer.headers.get('allow')).to.equal(allow);
      const options = await send(app.url + path, { method: 'OPTIONS' });
      expect([options.status, options.headers.get('allow')]).to.deep.equal([200, allow]);
    }
    expectProblem(await send(`${app.url}/nowhere`, { method: 'OPTIONS' }), 404, 'There is no OPTIONS /nowhere');
  });

  it('is 400 when the body is not JSON', async () => {
    for (const body of ['{"text":', 'text', '"text"', '7', "{'text': 1}"])
      expectProblem(await post(body), 400, 'The body is not valid JSON');
  });

  it('is 413 when the body is larger than 100 kB, also unpacked', async () => {
    const large = JSON.stringify({ text: 'x'.repeat(100 * 1024) });
    expectProblem(await post(large), 413, 'The body is larger than 100 kB');
    const request = `POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n`;
    const packed = gzipSync(large);
    const head = `${request}Content-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
    expect((await sendRaw(app.port, Buffer.concat([Buffer.from(head), packed]))).status).to.equal(413);
  });

  it('takes a body of just under 100 kB', async () => {
    const body = { text: 'x'.repeat(100 * 1024 - 30), list: [] };
    expect((await post(body)).body).to.deep.equal(body);
  });

  it('is 400 with all wrong types by their paths', async () => {
    const answer = await post({ text: 7, list: [{ n: 1 }, { n: '2' }], more: 1 });
    expectProblem(answer, 400, /^text: .+; list.1.n: .+; more: .+$/);
    expect(answer.body.errors.map(({ path }: { path: string }) => path)).to.deep.equal(['text', 'list.1.n', 'more']);
  });

  it('names the first faults of many, and says how many more there are', async () => {
    const answer = await post({ text: '', list: Array(12).fill({}) });
    expectProblem(answer, 400, /^list\.0\.n: .+; list\.9\.n: [^;]+; and 2 more$/);
    expect(answer.body.errors).to.have.length(10);
  });

  it('looks at no item of a list that is too long', async () => {
    const answer = await post({ text: '', list: Array(101).fill({}) });
    expectProblem(answer, 400, 'list: Invalid length: Expected <=100 but received 101');
  });

  const long = 'x"\u0000\ud800€'.repeat(3000);
  const bodies: Record<string, unknown> = {
    'many items': { text: '', list: Array(33_000).fill({}) },
    'many keys': Object.fromEntries(Array.from({ length: 6000 }, (_, n) => [`key${n}`, n])),
    'a long key': { [long]: 1 },
    'a long value': { text: '', list: long },
    'long values and keys': { text: [], list: Array(100).fill(long.slice(0, 200)), [long.slice(0, 200)]: 1 },
  };
  for (const [what, body] of Object.entries(bodies))
    it(`stays below 16 kB after ${what}`, async () => {
      const answer = await post(body);
      expectProblem(answer, 400, /./);
      expect(Buffer.byteLength(answer.text)).to.be.below(16 * 1024);
      expect(answer.text).to.not.match(/\\ud[89a-f]/);
    });

  it('stays below 16 kB after a long path, and without what a Problem adds when that is too much', async () => {
    const path = await get(`/${'%22'.repeat(5000)}`);
    expectProblem(path, 404, /^There is no GET \/.+…$/);
    const problem = await get('/things/many');
    expectProblem(problem, 409, 'Too many');
    expect(problem.body).to.not.have.property('found');
    for (const { text } of [path, problem]) expect(Buffer.byteLength(text)).to.be.below(16 * 1024);
  });

  it('is 400 when the body is nested too deep for those who read it', async () => {
    for (const levels of [101, 5000, 50_000])
      expectProblem(await post('['.repeat(levels) + ']'.repeat(levels)), 400, /^The body is nested deeper than 100/);
    expectProblem(await post('['.repeat(100) + ']'.repeat(100)), 400, /^text: /);
  });

  it('is 400 when there is no body, 415 when there is one that does not say it is JSON', async () => {
    expectProblem(await post(undefined), 400, /^body: /);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'json', ''])
      expectProblem(await post('{"text":"","list":[]}', { 'content-type': type }), 415, /^The body must be JSON/);
  });

  it('minds no body where the route wants none', async () => {
    const { status } = await send(`${app.url}/nowhere`, {
      method: 'POST',
      body: 'x',
      headers: { 'content-type': 'text/plain' },
    });
    expect(status).to.equal(404);
  });

  it('is 415 when the body is in a charset or packing that nobody knows', async () => {
    expectProblem(await post('{}', { 'content-type': 'application/json; charset=klingon' }), 415, /charset/);
    expectProblem(await post('{}', { 'content-encoding': 'zip' }), 415, /encoding/);
  });

  it('is 400 when the path is badly encoded', async () => {
    expectProblem(await get('/things/%ff'), 400, 'The request is malformed');
  });

  it('is a Problem as it was thrown, with what it adds', async () => {
    const answer = await get('/things/gone');
    expectProblem(answer, 410, 'It is gone');
    expect(answer.body).to.include({ title: 'Gone', since: 'today' });
  });

  it('is 500 without a word of ours when something breaks; the log has it all', async () => {
    for (const path of ['/throws', '/rejects']) {
      app.lines.length = 0;
      const answer = await get(path);
      expectProblem(answer, 500, 'Something went wrong on our side');
      const line = await until(() => app.lines.find(({ msg }) => msg === 'request failed'));
      expect(line).to.include({ level: 'error', requestId: answer.body.requestId });
      expect(line?.err).to.include({ message: 'the secret is 42' }).and.have.property('stack');
    }
  });

  it('cuts the connection when half the answer is out, and the process lives on', async () => {
    const error = await get('/breaks-off').catch(({ message }) => message);
    expect(error).to.equal('terminated');
    expect((await get('/things/1')).status).to.equal(200);
  });
});

describe('request ids', () => {
  let app: App;
  before(async () => {
    app = await startApp(createFixture);
  });
  after(() => app.close());
  const idFor = async (id: string): Promise<string | null> =>
    (await send(`${app.url}/things/1`, { headers: { 'x-request-id': id } })).headers.get('x-request-id');

  it('are the caller’s where they are sane', async () => {
    for (const id of ['a', 'web-1:2_3.4', 'x'.repeat(128)]) expect(await idFor(id)).to.equal(id);
  });

  it('are new where they are not', async () => {
    for (const id of ['', 'a b', '<script>', '"', 'x'.repeat(129), 'ä', 'a,b'])
      expect(await idFor(id)).to.match(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  });

  it('are new for each request', async () => {
    expect(await idFor('')).to.not.equal(await idFor(''));
  });
});
