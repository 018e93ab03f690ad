import { expect } from 'chai';
import { type App, startApp } from '../../../test/setup/app.ts';
import { send, until } from '../../../test/setup/http.ts';
import { createFixture } from './fixture.ts';

describe('metrics', () => {
  let app: App;
  before(async () => {
    app = await startApp(createFixture);
  });
  after(() => app.close());
  const metrics = async (): Promise<string> => (await send(`${app.url}/metrics`)).text;
  const count = (method: string, route: string, status: number): string =>
    `http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`;

  it('are Prometheus text, with those of the process', async () => {
    const { status, type, text } = await send(`${app.url}/metrics`);
    expect(status).to.equal(200);
    expect(type).to.match(/^text\/plain; version=0\.0\.4/);
    expect(text).to.contain('process_resident_memory_bytes').and.contain('nodejs_eventloop_lag_seconds');
  });

  it('count requests by the pattern of their route, not by their path', async () => {
    for (const id of ['unlikely-1', 'unlikely-2', 'unlikely-3']) await send(`${app.url}/things/${id}`);
    await until(async () => (await metrics()).includes(`${count('GET', '/things/:id', 200)} 3`));
    expect(await metrics()).to.not.contain('unlikely');
  });

  it('count an error under the pattern of its route too', async () => {
    await send(`${app.url}/things/gone`);
    await send(`${app.url}/throws`);
    await until(async () => (await metrics()).includes(count('GET', '/things/:id', 410)));
    await until(async () => (await metrics()).includes(count('GET', '/throws', 500)));
  });

  it('put all unknown paths under one label', async () => {
    for (const path of ['/no-1', '/no-2']) await send(app.url + path);
    await until(async () => (await metrics()).includes(`${count('GET', 'none', 404)} 2`));
    expect(await metrics()).to.not.contain('no-1');
  });

  it('do not count probes', async () => {
    await send(`${app.url}/livez`);
    expect(await metrics()).to.not.contain('livez');
  });
});

describe('logs', () => {
  let app: App;
  before(async () => {
    app = await startApp(createFixture);
  });
  after(() => app.close());
  beforeEach(() => {
    app.lines.length = 0;
  });

  it('have one line per request, without its headers and body', async () => {
    const headers = { authorization: 'Bearer s3cret', cookie: 's3cret=1' };
    await send(`${app.url}/echo`, { method: 'POST', headers, body: { text: 's3cret', list: [] } });
    const [line] = await until(() => app.lines.length > 0 && app.lines);
    expect(line).to.deep.include({ level: 'info', req: { method: 'POST', url: '/echo' }, res: { statusCode: 200 } });
    expect(line).to.include.keys('requestId', 'responseTime');
    expect(app.lines).to.have.length(1);
    expect(JSON.stringify(line)).to.not.contain('s3cret');
  });

  it('call a client’s fault info and ours error', async () => {
    await send(`${app.url}/nowhere`);
    await send(`${app.url}/throws`);
    const levels = await until(() => app.lines.length === 3 && app.lines.map(({ level }) => level));
    expect(levels).to.deep.equal(['info', 'error', 'error']);
  });

  it('leave probes out', async () => {
    for (const path of ['/livez', '/metrics']) await send(app.url + path);
    await send(`${app.url}/things/1`);
    await until(() => app.lines.some(({ req }) => req?.url === '/things/1'));
    expect(app.lines).to.have.length(1);
  });
});
