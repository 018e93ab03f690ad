import { expect } from 'chai';
import { startApp } from '../../../test/setup/app.ts';
import { createDatabase } from '../../../test/setup/database.ts';
import { type Answer, listen, type Running, send, until } from '../../../test/setup/http.ts';
import { type Receiver, type Span, startReceiver } from '../../../test/setup/otlp.ts';
import type { Service } from '../../../test/setup/service.ts';
import { createFixture } from './fixture.ts';
import { startFixture } from './process.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
/** What https://www.w3.org/TR/trace-context/ and https://www.w3.org/TR/baggage/ have a caller send. */
const GIVEN = { traceparent: `00-${TRACE}-${CALLER}-01`, tracestate: 'vendor=value', baggage: 'user=7' };

const services: Service[] = [];
const answerers: Running[] = [];

/** Spans are sent at once: no test waits for a batch. */
function start(script: 'server.ts' | 'database-server.ts', env: Record<string, string>): Service {
  const service = startFixture(script, { PORT: '0', OTEL_BSP_SCHEDULE_DELAY: '10', ...env });
  services.push(service);
  return service;
}

/** Answers all with `status`, and the headers of the request. */
async function startCallee(status: number): Promise<string> {
  const callee = await listen((req, res) => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(req.headers));
  });
  answerers.push(callee);
  return callee.url;
}

const calling = (url: string): string => `/calls?${new URLSearchParams({ url })}`;
const pick = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => Object.hasOwn(GIVEN, name)));

after(async () => {
  for (const { process } of services) process.kill('SIGKILL');
  await Promise.all(answerers.map(({ close }) => close()));
});

describe('traces that are off', () => {
  it('load nothing, and are in no answer and no line', async () => {
    const service = start('server.ts', {});
    const { body, headers } = await send(`${await service.url()}/loaded`, { headers: GIVEN });
    expect(body.filter((file: string) => /opentelemetry|traced/.test(file))).to.deep.equal([]);
    expect(headers.has('x-trace-id')).to.equal(false);
    const problem = await send(`${await service.url()}/throws`);
    expect(problem.body).to.not.have.property('trace_id');
    await until(() => service.lines.some(({ msg }) => msg === 'request failed'));
    expect(JSON.stringify(service.lines)).to.not.contain('trace_id');
  });

  it('of others pass through', async () => {
    const app = await startApp(createFixture);
    answerers.push(app);
    const url = await startCallee(200);
    expect(pick((await send(app.url + calling(url), { headers: GIVEN })).body)).to.deep.equal(GIVEN);
    expect(pick((await send(app.url + calling(url))).body)).to.deep.equal({});
  });
});

describe('traces', () => {
  let receiver: Receiver;
  let service: Service;
  let url: string;

  before(async () => {
    receiver = await startReceiver();
    answerers.push(receiver);
    const env = { ...(await createDatabase()).env, DATABASE_POOL_SIZE: '1', OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url };
    service = start('database-server.ts', env);
    url = await service.url();
  });
  beforeEach(() => {
    receiver.spans.length = 0;
    service.lines.length = 0;
  });

  const get = (path: string, headers: Record<string, string> = GIVEN): Promise<Answer> => send(url + path, { headers });
  /** All that a request has led to, once its own span, the last to end, is there. */
  const spansOf = async (path: string): Promise<[own: Span, ...others: Span[]]> => {
    const isOwn = ({ kind, attributes }: Span): boolean => kind === 'server' && attributes['url.path'] === path;
    const own = await until(() => receiver.spans.find(isOwn));
    return [own, ...receiver.spans.filter((span) => span.traceId === own.traceId && span !== own)];
  };
  const statements = (spans: Span[]): unknown[] => spans.flatMap(({ attributes }) => attributes['db.query.text'] ?? []);

  it('have a request in its caller’s trace, by the pattern of its route', async () => {
    const { headers } = await get('/things/1?secret=42');
    const [span] = await spansOf('/things/1');
    expect(span).to.include({ service: 'fixture', kind: 'server', name: 'GET /things/:id', isError: false });
    expect(span).to.include({ traceId: TRACE, parentSpanId: CALLER });
    expect(span.attributes).to.deep.include({
      'http.request.method': 'GET',
      'http.route': '/things/:id',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
    });
    expect(headers.get('x-trace-id')).to.equal(TRACE);
  });

  for (const traceparent of ['', 'nonsense', `00-${'0'.repeat(32)}-${CALLER}-01`, 'x'.repeat(5000)])
    it(`begin with a request that brings ${traceparent.slice(0, 60) || 'none'}`, async () => {
      const { headers } = await get('/things/2', traceparent ? { traceparent } : {});
      const [span] = await spansOf('/things/2');
      expect(span.traceId)
        .to.equal(headers.get('x-trace-id'))
        .and.match(/^(?!0af7)[0-9a-f]{32}$/);
      expect(span).to.not.have.property('parentSpanId');
    });

  it('are not kept where the caller’s is not', async () => {
    await get('/things/3', { traceparent: `00-${TRACE}-${CALLER}-00` });
    await get('/things/4');
    await spansOf('/things/4');
    expect(receiver.spans.map(({ attributes }) => attributes['url.path'])).to.deep.equal(['/things/4']);
  });

  it('mark a failure of ours, with the error, and no fault of a client', async () => {
    await get('/throws');
    await get('/things/gone');
    const [failed] = await spansOf('/throws');
    expect(failed).to.deep.include({ isError: true, exceptions: ['the secret is 42'] });
    expect(failed.attributes).to.include({ 'error.type': '500', 'http.response.status_code': 500 });
    const [gone] = await spansOf('/things/gone');
    expect(gone).to.deep.include({ isError: false, exceptions: [] });
  });

  it('are named by problem details and by each line of the request', async () => {
    expect((await get('/throws')).body.trace_id).to.equal(TRACE);
    await get('/fails-after-answer');
    const lines = await until(() => service.lines.length === 3 && service.lines);
    const [failed] = await spansOf('/throws');
    for (const line of lines) expect(line).to.include({ trace_id: TRACE });
    expect(lines[0]).to.include({ msg: 'request failed', span_id: failed.spanId });
  });

  it('go on in the services that are called, with the caller’s baggage', async () => {
    const { body } = await get(calling(await startCallee(200)));
    const [own, call] = await spansOf('/calls');
    expect(call).to.include({ kind: 'client', name: 'GET', parentSpanId: own.spanId, isError: false });
    expect(call?.attributes).to.include({ 'http.response.status_code': 200, 'server.address': '127.0.0.1' });
    expect(body).to.include({ ...GIVEN, traceparent: `00-${TRACE}-${call?.spanId}-01` });
  });

  it('mark a call that fails, and one that no answer came to, each time it was tried', async () => {
    await get(calling(await startCallee(503)));
    const [, failed] = await spansOf('/calls');
    expect(failed).to.include({ isError: true });
    expect(failed?.attributes).to.include({ 'error.type': '503' });

    receiver.spans.length = 0;
    await get(calling('http://127.0.0.1:9'));
    const [, first, ...others] = await spansOf('/calls');
    expect(first).to.include({ isError: true });
    expect(others).to.not.have.length(0);
  });

  it('have each statement, in whichever way it is sent, with its text and without its values', async () => {
    expect((await get('/every-way')).body).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    const [own, ...others] = await spansOf('/every-way');
    expect(statements(others)).to.deep.equal([
      ...['select 1 as way', 'select $1::int as way', 'select $1::int as way', 'select 4 as way'],
      ...['select $1::int as way', 'begin', 'select 6 as way', 'commit', 'select 7 as way', 'select 8 as way'],
    ]);
    for (const span of others) expect(span).to.include({ parentSpanId: own.spanId, isError: false });
    expect(others.find(({ kind }) => kind === 'client')?.attributes).to.include({
      'db.system.name': 'postgresql',
      'db.operation.name': 'SELECT',
    });
  });

  it('mark a statement that fails, by PostgreSQL’s code', async () => {
    await get('/query?sql=select%20*%20from%20nowhere');
    const failed = (await spansOf('/query')).find(({ kind }) => kind === 'client');
    expect(failed).to.deep.include({ isError: true, exceptions: ['relation "nowhere" does not exist'] });
    expect(failed?.attributes).to.include({ 'error.type': '42P01' });
  });

  it('keep requests apart that wait for the same connection, and show the wait', async () => {
    const ids = ['a', 'b', 'c'].map((digit) => digit.repeat(32));
    await Promise.all(
      ids.map((id) => get(`/query?sql=select%20pg_sleep(0.1),'${id}'`, { traceparent: `00-${id}-${CALLER}-01` })),
    );
    await until(() => receiver.spans.filter(({ kind }) => kind === 'server').length === 3);
    for (const id of ids) {
      const spans = receiver.spans.filter(({ traceId }) => traceId === id);
      expect(statements(spans)).to.deep.equal([`select pg_sleep(0.1),'${id}'`]);
    }
    const waits = receiver.spans.filter(({ name }) => name === 'pool.connect');
    expect(waits).to.have.length.of.at.least(2);
  });

  it('leave out probes and metrics, and the statements of probes', async () => {
    for (const path of ['/livez', '/readyz', '/metrics']) {
      expect((await get(path)).headers.has('x-trace-id')).to.equal(false);
    }
    await get('/things/5');
    await spansOf('/things/5');
    expect(receiver.spans).to.have.length(1);
  });
});

describe('traces of a process', () => {
  const traced = (receiver: Running, env = {}): Service =>
    start('server.ts', { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, ...env });

  it('are named by OpenTelemetry’s variables', async () => {
    const receiver = await startReceiver();
    answerers.push(receiver);
    const service = traced(receiver, { OTEL_SERVICE_NAME: 'other', OTEL_TRACES_SAMPLER: 'parentbased_always_off' });
    await send(`${await service.url()}/things/1`);
    await send(`${await service.url()}/things/2`, { headers: GIVEN });
    await until(() => receiver.spans.length > 0);
    expect(receiver.spans.map((span) => [span.service, span.attributes['url.path']])).to.deep.equal([
      ['other', '/things/2'],
    ]);
  });

  it('are sent before it ends', async () => {
    const receiver = await startReceiver();
    answerers.push(receiver);
    const service = traced(receiver, { OTEL_BSP_SCHEDULE_DELAY: '60000' });
    await send(`${await service.url()}/things/1`);
    service.process.kill('SIGTERM');
    expect(await service.exit()).to.equal(0);
    expect(receiver.spans).to.have.length(1);
  });

  it('are sent before a save ends it, by an SDK that is loaded', async function () {
    // It waits for them no longer than 50 ms, in which the machine may stand still.
    this.retries(5);
    const receiver = await startReceiver();
    answerers.push(receiver);
    const service = traced(receiver, { OTEL_BSP_SCHEDULE_DELAY: '1000' });
    await send(`${await service.url()}/things/1`);
    await until(() => receiver.spans.length > 0);
    await send(`${await service.url()}/things/2`);
    service.process.kill('SIGINT');
    expect(await service.exit()).to.equal(0);
    expect(receiver.spans).to.have.length(2);
  });

  it('keep it from ending no longer than all else may, where nobody takes them', async () => {
    const silent = await listen(() => {});
    answerers.push(silent);
    const service = traced(silent);
    await send(`${await service.url()}/things/1`);
    service.process.kill('SIGINT');
    expect(await service.exit()).to.equal(0);
    expect(service.lines.map(({ level }) => level)).to.not.include('warn');
  });

  it('cost one line while nobody takes them, and one when somebody does again', async () => {
    const gone = await startReceiver();
    const service = traced(gone, { OTEL_EXPORTER_OTLP_TIMEOUT: '200' });
    const url = await service.url();
    const complaints = (): string[] => service.lines.map(({ msg }) => msg).filter((msg) => /^traces/.test(msg));
    await gone.close();
    for (let request = 0; request < 20 || complaints().length === 0; request++)
      expect((await send(`${url}/things/1`)).status).to.equal(200);
    const receiver = await startReceiver(gone.port);
    answerers.push(receiver);
    await until(async () => {
      await send(`${url}/things/1`);
      return receiver.spans.length > 0;
    });
    await until(() => complaints().length > 1);
    // They are of no request, although one has led to them.
    expect(service.lines.filter(({ msg, trace_id }) => /^traces/.test(msg) && trace_id)).to.deep.equal([]);
    expect(complaints()).to.deep.equal([
      `traces do not reach ${gone.url}: connect ECONNREFUSED 127.0.0.1:${gone.port}`,
      `traces reach ${gone.url} again`,
    ]);
  });

  it('are refused where their address is none', async () => {
    const service = start('server.ts', { OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4318' });
    expect(await service.exit()).to.equal(1);
    expect(service.lines.map(({ msg }) => msg)).to.deep.equal([
      'the environment is not usable: OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL such as http://jaeger:4318',
    ]);
  });

  it('keep a share, by the ids of traces', async () => {
    const receiver = await startReceiver();
    answerers.push(receiver);
    const service = traced(receiver, { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.5' });
    const url = await service.url();
    const [low, high] = [`${TRACE.slice(0, -8)}7fffffff`, `${TRACE.slice(0, -8)}80000000`];
    for (const id of [high, low]) {
      const { headers } = await send(`${url}/things/1`, { headers: { traceparent: `00-${id}-${CALLER}-01` } });
      expect(headers.get('x-trace-id')).to.equal(id);
    }
    await until(() => receiver.spans.length > 0);
    expect(receiver.spans.map(({ traceId }) => traceId)).to.deep.equal([low]);
  });
});
