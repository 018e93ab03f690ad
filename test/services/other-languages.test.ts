import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { freePort } from '../../scripts/host/postgres.ts';
import { container, environmentOf, find, type Manifest, parseManifests } from '../chart/render.ts';
import { type Answer, send, until } from '../setup/http.ts';
import { needsTools } from '../setup/needs.ts';
import { addPythonService, FIXTURE, NAME, TEST_COMMAND } from '../setup/python-service.ts';
import { LOCAL_VALUES, StandCopy } from '../setup/stand-copy.ts';
import { findFaults } from './faults.ts';

describe('a service in another language', function () {
  this.timeout(30_000);

  describe('in the chart', () => {
    needsTools('helm');
    let stand: StandCopy;
    let manifests: Manifest[];

    before(() => {
      stand = new StandCopy('services', 'helm/app');
      addPythonService(stand);
      const { stdout } = stand.run('helm', ['template', 'stand', 'helm/app', '--values', LOCAL_VALUES]);
      manifests = parseManifests(stdout);
    });
    after(() => stand?.remove());

    it('is whole', () => expect(findFaults(stand.root)).to.deep.equal([]));

    it('gets its image, its port and its variables', () => {
      const { image, ports } = container(manifests, NAME);
      expect({ image, ports }).to.deep.include({ image: `stand/${NAME}:dev` });
      expect(ports?.[0]).to.include({ containerPort: 8089 });
      expect(environmentOf(container(manifests, NAME))).to.deep.equal({ PORT: '8089', LOG_LEVEL: 'info' });
      expect(find(manifests, 'Service', NAME).spec.ports[0]).to.include({ port: 8089, nodePort: 30089 });
    });

    it('is asked by helm test with its own program', () => {
      const [test] = find(manifests, 'Pod', `${NAME}-test`).spec.containers;
      expect(test).to.deep.include({ image: `stand/${NAME}:dev`, command: TEST_COMMAND });
      expect(environmentOf(test)).to.deep.equal({ URL: `http://${NAME}:8089/readyz` });
    });
  });

  describe('as a process', () => {
    let service: ChildProcess;
    let url: string;

    before(function () {
      if (!spawnSync('python3', ['--version']).error) return;
      console.log('    skipped: python3 missing');
      this.skip();
    });
    afterEach(() => {
      service?.kill('SIGKILL');
    });

    async function start(command: string, ...args: string[]): Promise<void> {
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      service = spawn(command, args, { cwd: FIXTURE, env: { ...process.env, PORT: String(port) }, stdio: 'ignore' });
      await until(() => get('/livez'));
    }

    const get = (path: string): Promise<Answer> => send(url + path);

    it('answers, and stops well', async () => {
      await start('python3', 'server.py');
      expect(await get('/')).to.deep.include({ status: 200, body: { hello: NAME } });
      expect((await get('/readyz')).status).to.equal(200);
      expect(await get('/nothing')).to.include({ status: 404, type: 'application/problem+json' });

      const exit = once(service, 'exit');
      service.kill('SIGTERM');
      expect(await until(async () => (await get('/readyz')).status === 503)).to.equal(true);
      expect((await get('/livez')).status).to.equal(200);
      expect(await exit).to.deep.equal([0, null]);
    });

    it('passes its own test once it answers, even if that begins earlier', async () => {
      const port = await freePort();
      const [command = '', ...args] = TEST_COMMAND;
      const env = { ...process.env, PORT: String(port), URL: `http://127.0.0.1:${port}/readyz` };
      const test = spawn(command, args, { cwd: FIXTURE, env, stdio: ['ignore', 'pipe', 'inherit'] });
      const exit = once(test, 'exit');
      await once(test.stdout, 'data');
      service = spawn('python3', ['server.py'], { cwd: FIXTURE, env, stdio: 'ignore' });
      expect(await exit).to.deep.equal([0, null]);
    });

    it('runs under nodemon, as host mode starts it', async () => {
      await start(resolve('node_modules/.bin/nodemon'), '--quiet');
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
