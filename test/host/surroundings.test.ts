import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { addRoutes } from './front-routes.ts';
import { ask, bareBin, Host, type HostFixture, hostFixture } from './host.ts';

/** What a shell may hold for other programs. */
const SHELL = {
  PGSSLMODE: 'require',
  PGOPTIONS: '-c default_transaction_read_only=on',
  PGSSLROOTCERT: '/nowhere',
  PGHOST: 'elsewhere',
  DEBUG: 'express:*',
  ENV: '/nowhere/.shrc',
  MODE: 'production',
  SERVICES: 'none',
  NODE_ENV: 'production',
  NODE_OPTIONS: '--max-old-space-size=1 --inspect',
  NODE_USE_ENV_PROXY: '1',
  HTTP_PROXY: 'http://127.0.0.1:1',
  http_proxy: 'http://127.0.0.1:1',
  PORT: '1',
  LOG_LEVEL: 'silent',
  STORE_URL: 'http://127.0.0.1:1',
  npm_config_omit: 'dev',
  TS_NODE_PROJECT: '/nowhere',
};

describe('host mode', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let host: Host | undefined;

  before(async () => {
    fixture = await hostFixture('clock');
    addRoutes(fixture.copy);
  });
  afterEach(() => host?.destroy());
  after(() => fixture?.copy.remove());

  it('heeds nothing that the shell holds for other programs', async () => {
    host = await new Host(fixture, [], SHELL).ready();
    expect((await ask(fixture.ports.front, '/items')).status).to.equal(200);
    const { body } = await ask(fixture.ports.front, '/env');
    const seen = Object.entries(SHELL).filter(([name, value]) => body[name] === value);
    expect(seen).to.deep.equal([]);
    expect(host.output).to.not.contain('Debugger listening');
    expect(host.output).to.not.contain('\x1b');
  });

  it('needs no ps, lsof or other program beside Node.js, make and a shell', async function () {
    if (process.platform !== 'linux') this.skip();
    const bin = bareBin();
    host = await new Host(fixture, [], { PATH: bin }).ready();
    await host.end('SIGINT');
    rmSync(bin, { recursive: true });
  });

  it('opens a debugger for each service, and runs those whose debugger’s port is taken', async () => {
    const other = createServer().listen(9229, '127.0.0.1');
    // That it is taken already does as well.
    await new Promise((done) => other.once('listening', done).once('error', done));
    host = await new Host(fixture, [], {}, 'make dev MODE=host').ready();
    const { body } = await ask(fixture.ports.front, '/env');
    expect(body.NODE_DEBUG_OPTION).to.contain('--inspect=127.0.0.1:9229');
    other.close();
  });

  it('opens none with DEBUG=0', async () => {
    host = await new Host(fixture, ['DEBUG=0']).ready();
    expect((await ask(fixture.ports.front, '/env')).body).to.not.have.property('NODE_DEBUG_OPTION');
  });
});

describe('nodemon, as host mode runs it, sees a save', () => {
  const PATHS = ['a[1]', 'a{b,c}', 'a+(x)', 'a!(x)', 'a b', 'a$HOME', "a'b", 'a"b', 'a*b', 'a?b', 'ä', '#a'];
  const PARENTS = ['coverage', 'node_modules', '.git', 'bower_components', '.nyc_output'];

  for (const path of [...PATHS, ...PARENTS.map((parent) => `${parent}/clone`)])
    it(`in ${path}`, () => {
      const root = mkdtempSync(join(tmpdir(), 'path-'));
      mkdirSync(join(root, path), { recursive: true });
      const { status, stderr } = spawnSync(process.execPath, ['test/host/watch.cjs', join(root, path)], {
        encoding: 'utf8',
      });
      rmSync(root, { recursive: true });
      expect(status, stderr).to.equal(0);
    });
});
