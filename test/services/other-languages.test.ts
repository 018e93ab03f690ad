import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { ServiceClient } from '@stand/chassis/client';
import { expect } from 'chai';
import { freePort } from '../../scripts/host/postgres.ts';
import { describe as describeApi } from '../../services/chassis/src/openapi.ts';
import { container, environmentOf, find, render, SERVICES } from '../chart/render.ts';
import { type Answer, send, until } from '../setup/http.ts';
import { needsProgram, needsTools } from '../setup/needs.ts';
import { lint } from '../setup/openapi.ts';

const { image, testCommand: TEST_COMMAND = [] } = SERVICES.clock;
const FOLDER = 'test/fixtures/services/clock';

/** That is `clock` of the fixture, which has what docs/other-languages.md says and nothing more. */
describe('a service in another language', () => {
  describe('in the chart', () => {
    needsTools('helm');

    it('gets its image, its port and its variables', () => {
      const clock = container(render({ tag: 'dev' }), 'clock');
      expect(clock.image).to.equal(`${image.repository}:dev`);
      expect(clock.ports?.[0]).to.include({ containerPort: 8082 });
      const variables = { PORT: '8082', LOG_LEVEL: 'info', LOG_FORMAT: 'text', API_DOCS: '1' };
      expect(environmentOf(clock)).to.deep.equal(variables);
      expect(find(render(), 'Service', 'clock').spec.ports[0]).to.include({ port: 8082, nodePort: 30082 });
    });

    it('is asked by helm test with its own program', () => {
      const [test] = find(render({ tag: 'dev' }), 'Pod', 'clock-test').spec.containers;
      expect(test).to.deep.include({ image: `${image.repository}:dev`, command: TEST_COMMAND });
      expect(environmentOf(test)).to.deep.equal({ URL: 'http://clock:8082/readyz' });
    });
  });

  describe('as a process', () => {
    needsProgram('python3');
    let service: ChildProcess;
    let url: string;

    afterEach(() => {
      service?.kill('SIGKILL');
    });

    async function start(command: string[], variables: Record<string, string> = {}): Promise<void> {
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      const [program = '', ...args] = command;
      const env = { ...process.env, PORT: String(port), ...variables };
      service = spawn(program, args, { cwd: FOLDER, env, stdio: 'ignore' });
      await until(() => get('/'));
    }

    const get = (path: string): Promise<Answer> => send(url + path);

    it('answers, and stops well', async () => {
      await start(['python3', 'server.py']);
      expect(await get('/')).to.deep.include({ status: 200, body: { hello: 'clock' } });
      expect((await get('/readyz')).status).to.equal(200);
      expect(await get('/nothing')).to.include({ status: 404, type: 'application/problem+json' });

      const exit = once(service, 'exit');
      service.kill('SIGTERM');
      expect(await until(async () => (await get('/readyz')).status === 503)).to.equal(true);
      expect((await get('/livez')).status).to.equal(200);
      expect(await exit).to.deep.equal([0, null]);
    });

    it('describes its API, also to a service that hands its operations on', async () => {
      await start(['python3', 'server.py']);
      const file = `${FOLDER}/openapi.json`;
      const document = JSON.parse(readFileSync(file, 'utf8'));
      expect((await get('/openapi.json')).body).to.deep.equal(document);
      expect(await lint(file)).to.deep.equal([]);

      const operation = 'GET /';
      const origin = { service: new ServiceClient('clock', url), operation } as const;
      const front = { title: 'front', version: '1.0.0' };
      const { paths } = await describeApi(front, [{ operation: 'GET /time', origin, async handle() {} }], 'a request');
      expect(paths['/time']?.get).to.deep.equal({ ...document.paths['/'].get, operationId: 'GET:/time' });
    });

    it('answers the probes on a port of their own, to the last', async () => {
      const port = await freePort();
      await start(['python3', 'server.py'], { MANAGEMENT_PORT: String(port) });
      const probe = (path: string): Promise<Answer> => send(`http://127.0.0.1:${port}${path}`);
      for (const path of ['/livez', '/readyz']) {
        expect((await probe(path)).status).to.equal(200);
        expect((await get(path)).status).to.equal(404);
      }
      expect((await probe('/')).status).to.equal(404);

      const exit = once(service, 'exit');
      service.kill('SIGTERM');
      await until(async () => (await probe('/readyz')).status === 503);
      expect(await exit).to.deep.equal([0, null]);
    });

    for (const [signal, most] of [
      ['SIGINT', 3000],
      ['SIGTERM', 25_000],
    ] as const)
      it(`ends on ${signal}, with 0, whatever hangs`, async () => {
        await start(['python3', 'server.py']);
        const spare = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
        await once(spare, 'connect');
        await get('/');
        const exit = once(service, 'exit');
        const begin = Date.now();
        service.kill(signal);
        expect(await exit).to.deep.equal([0, null]);
        expect(Date.now() - begin).to.be.below(most);
      });

    it('passes its own test once it answers, even if that begins earlier', async () => {
      const port = await freePort();
      const [command = '', ...args] = TEST_COMMAND;
      const env = { ...process.env, PORT: String(port), URL: `http://127.0.0.1:${port}/readyz` };
      const test = spawn(command, args, { cwd: FOLDER, env, stdio: ['ignore', 'pipe', 'inherit'] });
      const exit = once(test, 'exit');
      await once(test.stdout, 'data');
      service = spawn('python3', ['server.py'], { cwd: FOLDER, env, stdio: 'ignore' });
      expect(await exit).to.deep.equal([0, null]);
    });

    it('runs under nodemon, as host mode starts it', async () => {
      await start([resolve('node_modules/.bin/nodemon'), '--quiet']);
      expect((await get('/readyz')).status).to.equal(200);
      const exit = once(service, 'exit');
      service.kill('SIGINT');
      await exit;
      await until(() =>
        get('/').then(
          () => false,
          () => true,
        ),
      );
    });
  });
});
