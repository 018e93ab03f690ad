import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { which } from '../../scripts/machine/command.ts';
import { addRoutes } from './front-routes.ts';
import { ask, Host, type HostFixture, hostFixture } from './host.ts';

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
    const bin = mkdtempSync(join(tmpdir(), 'bin-'));
    for (const program of ['node', 'npm', 'make', 'sh', 'env', 'setpriv'])
      symlinkSync(which(program) ?? program, join(bin, program));
    host = await new Host(fixture, [], { PATH: bin }).ready();
    await host.end('SIGINT');
    rmSync(bin, { recursive: true });
  });

  it('starts a debugger for each service with DEBUG=1 on the command line', async () => {
    host = await new Host(fixture, ['DEBUG=1']).ready();
    expect(host.output).to.contain('Debugger listening on ws://127.0.0.1:9229/');
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
