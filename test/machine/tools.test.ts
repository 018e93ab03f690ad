import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { toolFits, upgradeFlags } from '../../scripts/machine/tools.ts';

describe('a tool', () => {
  const judged: [name: string, wanted: string, found: string | undefined, fits: boolean][] = [
    ['helm', '3.21.4', undefined, false],
    ['helm', '3.21.4', '2.17.0', false],
    ['helm', '3.21.4', '3.20.9', false],
    ['helm', '3.21.4', '3.21.0', true],
    ['helm', '3.21.4', '3.22.0', true],
    ['helm', '3.21.4', '', true],
    ['helm', '3.21.4', '4.0.0', true],
    ['helm', '3.21.4', '4.3.1', true],
    ['helm', '3.21.4', '5.0.0', false],
    ['kind', '0.33.0', '0.32.0', false],
    ['kind', '0.33.0', '0.40.0', true],
    ['kubectl', '1.34.3', '1.35.0', true],
    ['kubectl', '1.34.3', '4.0.0', false],
  ];
  for (const [name, wanted, found, fits] of judged)
    it(`${name} ${found ?? '(none)'} ${fits ? 'fits' : 'does not fit'} where ${wanted} is wanted`, () =>
      expect(toolFits({ name, wanted, found })).to.equal(fits));
});

/** With a helm that only says its version, and an npx that only writes down what it was asked for. */
describe('make tools', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'tools-'));
    mkdirSync(join(root, 'bin'));
    cpSync('mise.toml', join(root, 'mise.toml'));
    install('npx', 'echo "$*" >> asked; exit 1');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const install = (program: string, script: string): void =>
    writeFileSync(join(root, 'bin', program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const asked = (): string => (existsSync(join(root, 'asked')) ? readFileSync(join(root, 'asked'), 'utf8') : '');

  function tools(...names: string[]): { status: number | null; stderr: string } {
    const script = ['--require', resolve('node_modules/ts-node/register'), resolve('scripts/make/tools.ts'), ...names];
    return spawnSync(process.execPath, script, {
      cwd: root,
      env: { PATH: join(root, 'bin'), TS_NODE_PROJECT: resolve('tsconfig.json') },
      encoding: 'utf8',
    });
  }

  it('installs Helm 3, and says where to get it when it cannot be downloaded', () => {
    install('helm', 'exit 127');
    const { status, stderr } = tools('helm');
    expect(asked()).to.match(/ install aqua:helm\/helm@3\.\d+\.\d+$/m);
    expect(stderr).to.match(/helm is missing: installing 3\.\d+\.\d+ into \.stand\/bin …/);
    expect(stderr).to.match(/✗ helm 3\.\d+\.\d+ can't be downloaded here .*\n {2}Put it on PATH: https:\/\/helm\.sh/);
    expect(status).to.equal(1);
  });

  for (const version of ['v3.21.4', 'v4.3.1'])
    it(`is content with helm ${version}`, () => {
      install('helm', `echo 'version.BuildInfo{Version:"${version}"}'`);
      const { status, stderr } = tools('helm');
      expect(stderr).to.equal(`✓ helm ${version.slice(1)}\n`);
      expect(status).to.equal(0);
      expect(asked()).to.equal('');
    });

  const flags: Record<string, string[]> = { 'v3.21.4': [], 'v4.3.1': ['--server-side=true', '--force-conflicts'] };
  for (const [version, wanted] of Object.entries(flags))
    it(`lets values win over kubectl scale with helm ${version}`, async () => {
      install('helm', `echo 'version.BuildInfo{Version:"${version}"}'`);
      const { PATH } = process.env;
      process.env.PATH = join(root, 'bin');
      const found = await upgradeFlags().finally(() => Object.assign(process.env, { PATH }));
      expect(found).to.deep.equal(wanted);
    });
});
