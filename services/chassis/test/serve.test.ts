import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { createDatabase, databaseAt } from '../../../test/setup/database.ts';
import { send, until } from '../../../test/setup/http.ts';
import { sharedPostgres } from '../../../test/setup/postgres.ts';
import type { Service } from '../../../test/setup/service.ts';
import { createWire } from '../../../test/setup/wire.ts';
import { startFixture } from './process.ts';

describe('a service process', () => {
  let service: Service;
  afterEach(() => service.process.kill('SIGKILL'));
  const messages = (): string[] => service.lines.map(({ msg }) => msg);
  const start = (): Promise<string> => {
    service = startFixture('server.ts', { PORT: '0' });
    return service.url();
  };

  const refuses = (url: string): Promise<boolean> =>
    send(url).then(
      () => false,
      ({ cause }) => cause.code === 'ECONNREFUSED',
    );

  it('stops on SIGTERM: not ready at once, serves while it drains, finishes what runs, exits with 0', async () => {
    const url = await start();
    await send(`${url}/readyz`);
    // Longer than the drain: it ends after the server has closed.
    const running = send(`${url}/slow?ms=8500`);
    await until(async () => (await send(`${url}/livez`)).status === 200);
    service.process.kill('SIGTERM');
    const ready = await until(async () => {
      const answer = await send(`${url}/readyz`);
      return answer.status === 503 && answer;
    });
    expect(ready.body.reason).to.equal('stopping');
    expect(ready.headers.get('connection')).to.equal('close');
    expect((await send(`${url}/things/1`)).status).to.equal(200);
    expect(await running).to.deep.include({ status: 200, body: { done: true } });
    expect(await service.exit()).to.equal(0);
    expect(messages().slice(-2)).to.deep.equal(['closed', 'stopped']);
  });

  it('stops on SIGINT without the drain, but finishes what runs', async () => {
    const url = await start();
    const running = send(`${url}/slow?ms=300`);
    await send(`${url}/livez`);
    // As a browser opens them ahead of need.
    const spare = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
    await once(spare, 'connect');
    const begin = Date.now();
    service.process.kill('SIGINT');
    await until(() => messages().includes('stopping'));
    expect((await running).status).to.equal(200);
    expect(await service.exit()).to.equal(0);
    expect(Date.now() - begin).to.be.below(3000);
    expect(await refuses(url)).to.equal(true);
  });

  it('stops on SIGINT within a second also while it drains', async () => {
    await start();
    service.process.kill('SIGTERM');
    await until(() => messages().includes('stopping'));
    const begin = Date.now();
    for (let times = 0; times < 2; times++) service.process.kill('SIGINT');
    expect(await service.exit()).to.equal(0);
    expect(Date.now() - begin).to.be.below(3000);
    expect(messages().slice(-3)).to.deep.equal(['stopping', 'closed', 'stopped']);
  });

  it('serves probes and metrics on the management port alone, where it has one, to the last', async () => {
    service = startFixture('server.ts', { PORT: '0', MANAGEMENT_PORT: '0' });
    const url = await service.url();
    const management = `http://127.0.0.1:${service.lines.at(-1)?.managementPort}`;
    for (const path of ['/livez', '/readyz', '/metrics']) {
      expect((await send(management + path)).status).to.equal(200);
      expect((await send(url + path)).body).to.include({ status: 404, detail: `There is no GET ${path}` });
    }
    expect((await send(`${url}/things/1`)).status).to.equal(200);
    const strange = await send(`${management}/things/1`);
    expect([strange.status, strange.type]).to.deep.equal([404, 'application/problem+json; charset=utf-8']);
    const labels = 'http_request_method="GET",http_route="/things/:id",http_response_status_code="200"';
    const series = `http_server_request_duration_seconds_count{${labels}} 1`;
    await until(async () => (await send(`${management}/metrics`)).text.includes(series));

    const running = send(`${url}/slow?ms=8500`);
    service.process.kill('SIGTERM');
    await until(async () => (await send(`${management}/readyz`)).status === 503);
    await until(() => refuses(url));
    expect((await send(`${management}/livez`)).status).to.equal(200);
    expect((await running).status).to.equal(200);
    expect(await service.exit()).to.equal(0);
  });

  for (const [how, message] of [
    ['throw', 'late'],
    ['timer', 'late'],
    ['rejection', 'late'],
    ['rejection without an error', /"late"/],
    ['rejection with nothing', /"undefined"/],
    ['throw of an odd object', /^\[Object: null prototype\]/],
    ['emitter', 'late'],
    ['stream', 'the secret is 42, late'],
  ] as const)
    it(`ends with 1 and one fatal line after what nobody catches: ${how}`, async () => {
      const url = await start();
      expect((await send(`${url}/fails-late/${how}`)).status).to.equal(200);
      expect(await service.exit()).to.equal(1);
      const [line, ...others] = service.lines.filter(({ level }) => level === 'fatal');
      expect(others).to.deep.equal([]);
      expect(line?.msg).to.match(new RegExp(message));
      expect(line?.err.stack).to.contain('    at ');
      expect(service.lines.at(-1)).to.equal(line);
    });

  it('starts without its database: lives, is not ready, says so once, and recovers', async () => {
    const { config } = await createDatabase();
    const wire = await createWire((await sharedPostgres()).port);
    await wire.cut();
    service = startFixture('database-server.ts', { ...databaseAt(wire.port, config.PGDATABASE).env, PORT: '0' });
    const url = await service.url();
    for (let probe = 0; probe < 3; probe++) expect((await send(`${url}/readyz`)).status).to.equal(503);
    expect((await send(`${url}/livez`)).status).to.equal(200);
    expect(messages()).to.deep.equal(['listening', `not ready: connect ECONNREFUSED 127.0.0.1:${wire.port}`]);

    await wire.mend();
    expect((await send(`${url}/readyz`)).status).to.equal(200);
    expect((await send(`${url}/query?sql=select+1`)).status).to.equal(200);
    service.process.kill('SIGINT');
    expect(await service.exit()).to.equal(0);
    await wire.cut();
  });
});
