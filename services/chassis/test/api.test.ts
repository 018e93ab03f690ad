import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { api, type Forwarded, route } from '@stand/chassis/api';
import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { notFound, Problem, parse, problemHandler } from '@stand/chassis/problem';
import { count, list, numeral } from '@stand/chassis/schema';
import { expect } from 'chai';
import express, { type Express, type Response } from 'express';
import * as v from 'valibot';
import { type App, startApp } from '../../../test/setup/app.ts';
import { type Answer, type Sent, send, until } from '../../../test/setup/http.ts';
import { describe as describeApi } from '../src/openapi.ts';
import { startFixture } from './process.ts';

const Cup = v.strictObject({
  name: v.pipe(v.string(), v.nonEmpty(), v.examples(['Enamel cup'])),
  made: v.optional(v.pipe(v.string(), v.isoTimestamp(), v.description('When it left the kiln'))),
});
const Page = v.object({ limit: numeral({ min: 1, max: 10, fallback: 5 }), search: v.optional(v.string()) });
const Key = v.object({ 'x-key': v.pipe(v.string(), v.uuid()) });
const Numbers = v.strictObject({ numbers: list(count({ max: 9 }), { max: 2 }) });

type Give = (res: Response) => unknown;
const refuse = (status: number) => () => {
  throw new Problem(status, 'The handler’s own words');
};
/** Answers of a route that promises a cup, nothing, or that there is none: each with its status and what is sent. */
const KEPT: Record<string, [give: Give, status: number, sent: object | string]> = {
  'a body': [() => ({ name: 'Cup' }), 200, { name: 'Cup' }],
  'a body that comes later': [async () => ({ name: 'Cup' }), 200, { name: 'Cup' }],
  'a date, which JSON makes a string': [
    () => ({ name: 'Cup', made: new Date(0) }),
    200,
    { name: 'Cup', made: '1970-01-01T00:00:00.000Z' },
  ],
  'a field that is undefined': [() => ({ name: 'Cup', more: undefined }), 200, { name: 'Cup' }],
  'another status that it sets': [(res) => void res.status(204), 204, ''],
  'a problem': [refuse(404), 404, 'The handler’s own words'],
  'a problem that it waits for': [async () => refuse(404)(), 404, 'The handler’s own words'],
  'a bad request, which any route may meet': [refuse(400), 400, 'The handler’s own words'],
  'an outage, which any route may meet': [refuse(503), 503, 'The handler’s own words'],
};
/** Those that break the promise: with what is wrong with them, and the status and the body that production sends. */
const BROKEN: Record<string, [give: Give, wrong: string, status: number, sent: object | string]> = {
  'a missing field': [() => ({}), 'name: ', 200, {}],
  'a field of a wrong type': [() => ({ name: 7 }), 'name: ', 200, { name: 7 }],
  'one field too many': [() => ({ name: 'Cup', more: 1 }), 'more: ', 200, { name: 'Cup', more: 1 }],
  'no body': [() => undefined, 'body: ', 200, ''],
  'what is no JSON': [() => ({ name: 1n }), 'Do not know how to serialize', 500, 'Something went wrong on our side'],
  'a body with 204': [(res) => res.status(204) && { name: 'Cup' }, 'body: ', 204, ''],
  'a status of no answer': [(res) => res.status(202) && { name: 'Cup' }, 'no answer 202', 202, { name: 'Cup' }],
  'a problem of no answer': [refuse(410), 'no answer 410', 410, 'The handler’s own words'],
};

/** Routes that give back what they have been given, and routes that keep their contracts or don't. */
const routes = () => [
  route(
    'GET /cups',
    { summary: 'List them', query: Page, headers: Key, answers: { 200: v.unknown() } },
    ({ query, headers }) => ({ query, headers }),
  ),
  route(
    'GET /cups/:id',
    { summary: 'Get one', params: v.object({ id: numeral({ max: 99 }) }), answers: { 200: v.unknown(), 404: 'None' } },
    ({ params }) => params,
  ),
  route(
    'POST /cups',
    { summary: 'Make one', body: Cup, answers: { 201: Cup, 204: 'There is one' } },
    ({ body }) => body,
  ),
  route('POST /numbers', { summary: 'Count', body: Numbers, answers: { 200: Numbers } }, ({ body }) => body),
  route(
    'POST /given/:what',
    { summary: 'Give that', params: v.object({ what: v.string() }), answers: { 200: Cup, 204: 'None', 404: 'None' } },
    ({ params: { what }, res }) => (KEPT[what] ?? BROKEN[what])?.[0](res) as never,
  ),
  route('GET /file', { summary: 'Read', answers: { 200: 'It, as text' } }, async ({ res }) => {
    await pipeline(Readable.from(['half', ' and half']), res.type('text/csv'));
  }),
  route('GET /throws', { summary: 'Break', answers: { 200: Cup } }, () => {
    throw new Error('the secret is 42');
  }),
];

function createApp({ logger, health }: { logger: Logger; health: Health }): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.use(api({ title: 'cups', version: '1.0.0' }, routes()));
  app.get('/plain/:id', (req, res) => res.status(203).json({ anything: parse(v.string(), req.params.id) }));
  app.use(notFound, problemHandler);
  return app;
}

describe('a route with its contract', () => {
  let app: App;
  before(async () => {
    app = await startApp(createApp);
  });
  after(() => app.close());

  const get = (path: string, headers?: Sent['headers']): Promise<Answer> => send(app.url + path, { headers });
  const post = (path: string, body?: unknown): Promise<Answer> => send(app.url + path, { method: 'POST', body });
  const give = (what: string): Promise<Answer> => post(`/given/${encodeURIComponent(what)}`);
  const key = { 'x-key': '6f1c9a0e-8a52-4d2b-9f0e-2b6f7d6f3c11' };

  describe('hands to its handler', () => {
    it('what the schemas make of the request', async () => {
      expect((await get('/cups?search=tea&more=1', key)).body).to.deep.equal({
        query: { limit: 5, search: 'tea' },
        headers: key,
      });
      expect((await get('/cups/07')).body).to.deep.equal({ id: 7 });
      expect(await post('/cups', { name: 'Cup' })).to.deep.include({ status: 201, body: { name: 'Cup' } });
    });

    it('nothing that the schemas refuse: 400 with the path', async () => {
      const refused: [path: string, Promise<Answer>][] = [
        ['id', get('/cups/x')],
        ['id', get('/cups/100')],
        ['limit', get('/cups?limit=11', key)],
        ['limit', get('/cups?limit=1&limit=2', key)],
        ['x-key', get('/cups')],
        ['x-key', get('/cups', { 'x-key': 'x' })],
        ['name', post('/cups', { name: '' })],
        ['more', post('/cups', { name: 'Cup', more: 1 })],
        ['', post('/cups')],
        ['numbers.1', post('/numbers', { numbers: [1, 'x'] })],
        ['numbers', post('/numbers', { numbers: [1, 2, 'x'] })],
      ];
      for (const [path, answer] of refused) {
        const { status, body } = await answer;
        expect(status, path).to.equal(400);
        expect(body.errors.map(({ path }: { path: string }) => path)).to.deep.equal([path]);
      }
    });

    it('no body that is no JSON', async () => {
      const text = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' };
      expect((await send(`${app.url}/cups`, text)).status).to.equal(415);
      expect((await send(`${app.url}/given/a%20body`, text)).status).to.equal(200);
    });
  });

  function expectSent({ status, text, body }: Answer, expectedStatus: number, sent: object | string): void {
    expect(status).to.equal(expectedStatus);
    if (typeof sent === 'object') expect(body).to.deep.equal(sent);
    else if (sent === '') expect(text).to.equal('');
    else expect(body).to.include({ detail: sent, status });
  }

  describe('sends', () => {
    for (const [what, [, status, sent]] of Object.entries(KEPT))
      it(what, async () => expectSent(await give(what), status, sent));

    it('what the handler sends itself', async () => {
      expect(await get('/file')).to.include({ status: 200, type: 'text/csv; charset=utf-8', text: 'half and half' });
    });

    it('no word of what breaks', async () => {
      expect((await get('/throws')).body).to.include({ status: 500, detail: 'Something went wrong on our side' });
    });
  });

  describe('sends a 500 that says what is wrong with', () => {
    for (const [what, [, wrong]] of Object.entries(BROKEN))
      it(what, async () => {
        const { status, body } = await give(what);
        expect(status).to.equal(500);
        expect(body.detail).to.contain(`POST /given/:what does not keep its contract: ${wrong}`);
      });
  });

  describe('in production', () => {
    before(() => {
      process.env.NODE_ENV = 'production';
    });
    after(() => {
      delete process.env.NODE_ENV;
    });

    it('sends all as it is', async () => {
      for (const [what, [, status, sent]] of Object.entries(KEPT)) expectSent(await give(what), status, sent);
      for (const [what, [, , status, sent]] of Object.entries(BROKEN)) expectSent(await give(what), status, sent);
    });

    it('refuses the same requests', async () => {
      expect((await get('/cups/x')).status).to.equal(400);
    });
  });

  it('is a route as Express has them: HEAD, OPTIONS, 405, and its pattern in the metrics', async () => {
    expect(await send(`${app.url}/cups/1`, { method: 'HEAD' })).to.include({ status: 200, text: '' });
    const options = await send(`${app.url}/cups`, { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).to.deep.equal([200, 'GET, HEAD, POST']);
    const refused = await send(`${app.url}/cups/1`, { method: 'DELETE' });
    expect([refused.status, refused.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    await until(async () => (await get('/metrics')).text.includes('http_route="/cups/:id"'));
  });

  it('stands beside plain ones, of which nothing is checked', async () => {
    expect(await get('/plain/1')).to.deep.include({ status: 203, body: { anything: '1' } });
    expect((await get('/openapi.json')).body.paths).to.not.have.any.keys('/plain/{id}', '/plain/:id');
  });
});

describe('a contract', () => {
  const summary = 'Some';
  const answers = { 200: v.unknown() };
  const params = v.object({ id: v.string() });
  const REFUSED: Record<string, [make: () => unknown, why: string]> = {
    'an optional segment': [() => route('GET /a{/:id}', { summary, params, answers }, () => 1), 'a route for each'],
    'a wildcard': [() => route('GET /a/*id', { summary, params, answers }, () => 1), 'a route for each'],
    'a parameter without a schema': [() => route('GET /a/:id', { summary, answers }, () => 1), 'params has no id'],
    'another name of it': [() => route('GET /a/:no', { summary, params, answers }, () => 1), 'params has no no'],
    'a query that is no object': [() => route('GET /a', { summary, query: v.string(), answers }, () => 1), 'v.object'],
    'nothing but problems': [() => route('GET /a', { summary, answers: { 404: 'None' } }, refuse(404)), 'below 400'],
    'an operation that there is': [
      () =>
        api(
          { title: 'a', version: '1.0.0' },
          [1, 2].map(() => route('GET /a', { summary, answers }, () => 1)),
        ),
      'There are two routes GET /a',
    ],
  };
  for (const [what, [make, why]] of Object.entries(REFUSED))
    it(`is refused at the start with ${what}`, () => expect(make).to.throw(why));

  interface Tree {
    name: string;
    branches: Tree[];
  }
  const Tree: v.GenericSchema<Tree> = v.object({ name: v.string(), branches: v.array(v.lazy(() => Tree)) });

  it('may refer to itself, and leaves the document to be found', async () => {
    const app = await startApp((given) => {
      const trees = route('GET /:id', { summary, params, answers: { 200: Tree } }, () => ({ name: '', branches: [] }));
      return express().use(chassis(given), api({ title: 'trees', version: '1.0.0' }, [trees]));
    });
    const document = (await send(`${app.url}/openapi.json`)).body;
    await app.close();
    const [reference = ''] = JSON.stringify(document.paths).match(/(?<="#)\/components\/schemas\/trees[^"]*/) ?? [];
    const named = reference
      .split('/')
      .slice(1)
      .reduce((part, name) => part[name], document);
    expect(named.properties.branches.items).to.deep.equal({ $ref: `#${reference}` });
  });
});

describe('what a service says of operations that it hands on', () => {
  const $ref = '#/components/schemas/Item';
  const responses = { 200: { description: 'OK', content: { 'application/json': { schema: { $ref } } } } };
  const documentOf = (type: string) => ({
    paths: { '/item': { get: { responses } } },
    components: { schemas: { Item: { type: 'object', properties: { next: { $ref }, name: { type } } } } },
  });
  const forwarded = (name: string, document: object): Forwarded => {
    const service = { name, url: '', call: async () => Response.json(document) };
    return { operation: `GET /${name}`, origin: { service, operation: 'GET /item' }, async handle() {} };
  };
  const describeOrigins = (...routes: Forwarded[]) =>
    describeApi({ title: 'front', version: '1.0.0' }, routes, 'a request');

  it('tells schemas of the same name apart', async () => {
    const { paths, components } = await describeOrigins(
      forwarded('clock', documentOf('integer')),
      forwarded('diary', documentOf('string')),
    );
    for (const [name, type] of Object.entries({ clock: 'integer', diary: 'string' })) {
      const $ref = `#/components/schemas/${name}-Item`;
      const content = { 'application/json': { schema: { $ref } } };
      expect(paths[`/${name}`]?.get?.responses).to.deep.equal({ 200: { description: 'OK', content } });
      expect(components.schemas?.[`${name}-Item`]).to.deep.include({ properties: { next: { $ref }, name: { type } } });
    }
  });

  it('has once what all services on the chassis have', async () => {
    const inner = await describeOrigins();
    const { components } = await describeOrigins(forwarded('inner', { ...inner, paths: documentOf('string').paths }));
    expect(components).to.deep.equal(inner.components);
  });

  it('needs no components of a document, and takes what its path has for all methods', async () => {
    const get = { parameters: [{ name: 'at', in: 'query' }], responses: { 204: { description: 'Nothing' } } };
    const parameters = [{ name: 'zone', in: 'query' }];
    const { paths } = await describeOrigins(forwarded('clock', { paths: { '/item': { parameters, get } } }));
    expect(paths['/clock']?.get).to.deep.include({ ...get, parameters: [...parameters, ...get.parameters] });
  });
});

describe('what a service says of its API', () => {
  let app: App;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects to be there
  let document: any;
  before(async () => {
    app = await startApp(createApp);
    document = (await send(`${app.url}/openapi.json`)).body;
  });
  after(() => app.close());

  it('is OpenAPI, with title and version', () => {
    expect(document.openapi).to.match(/^3\.1\./);
    expect(document.info).to.deep.equal({ title: 'cups', version: '1.0.0' });
  });

  it('has each operation by its path and method', () => {
    const operations = Object.entries<object>(document.paths).map(([path, item]) => [path, Object.keys(item)]);
    expect(Object.fromEntries(operations)).to.deep.equal({
      '/cups': ['get', 'post'],
      '/cups/{id}': ['get'],
      '/numbers': ['post'],
      '/given/{what}': ['post'],
      '/file': ['get'],
      '/throws': ['get'],
    });
    expect(document.paths['/cups'].post.summary).to.equal('Make one');
  });

  it('has the parameters, those of a text as the numbers that they stand for', () => {
    const { parameters } = document.paths['/cups'].get;
    const limit = { type: 'integer', minimum: 1, maximum: 10, default: 5 };
    expect(
      parameters.map(({ in: place, name, required }: Record<string, unknown>) => [place, name, required]),
    ).to.deep.equal([
      ['query', 'limit', false],
      ['query', 'search', false],
      ['header', 'x-key', true],
    ]);
    expect(parameters[0].schema).to.include(limit);
    const [id] = document.paths['/cups/{id}'].get.parameters;
    expect(id).to.deep.include({ in: 'path', name: 'id', required: true });
  });

  it('has the body, with descriptions and examples', () => {
    const { requestBody, responses } = document.paths['/cups'].post;
    const { schema } = requestBody.content['application/json'];
    expect(schema).to.deep.include({ required: ['name'], additionalProperties: false });
    expect(schema.properties.name.examples).to.deep.equal(['Enamel cup']);
    expect(schema.properties.made.description).to.equal('When it left the kiln');
    expect(responses[201].content['application/json'].schema).to.deep.equal(schema);
    expect(document.paths['/cups'].get).to.not.have.property('requestBody');
  });

  it('bounds a list', () => {
    const { schema } = document.paths['/numbers'].post.requestBody.content['application/json'];
    expect(schema.properties.numbers).to.deep.include({ type: 'array', minItems: 0, maxItems: 2 });
    expect(schema.properties.numbers.items).to.include({ type: 'integer', minimum: 0, maximum: 9 });
  });

  it('has the answers, those in words without a body or as problems, and those that all routes have', () => {
    const { post, get } = document.paths['/cups'];
    expect(post.responses[204]).to.include({ description: 'There is one' }).and.not.have.property('content');
    expect(post.responses).to.include.keys('400', '413', '415', '500', '503', '504');
    expect(get.responses).to.not.have.any.keys('413', '415');
    const none = document.paths['/cups/{id}'].get.responses[404];
    expect(none.description).to.equal('None');
    expect(Object.keys(none.content)).to.deep.equal(['application/problem+json']);
  });

  it('costs a start nothing: what writes it is loaded when it is asked for', async () => {
    const service = startFixture('server.ts', { PORT: '0' });
    try {
      const url = await service.url();
      const loaded = async (): Promise<boolean> =>
        /openapi\.ts|to-json-schema/.test((await send(`${url}/loaded`)).text);
      expect(await loaded()).to.equal(false);
      expect((await send(`${url}/openapi.json`)).status).to.equal(200);
      expect(await loaded()).to.equal(true);
    } finally {
      service.process.kill('SIGKILL');
    }
  });
});
