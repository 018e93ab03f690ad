import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CHASSIS, copyOfHook } from './hook.ts';

const INSTALLED = 'node_modules/.package-lock.json';

describe('a package in development', () => {
  let root: string;

  beforeEach(() => {
    root = copyOfHook();
    save('services/one/main.js', "console.log(require('package'))");
    save('node_modules/package/index.js', "module.exports = require('./inside')");
    save('node_modules/package/inside.js', "module.exports = 'first'");
    save(INSTALLED, '{}');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function save(file: string, content: string): void {
    mkdirSync(join(root, file, '..'), { recursive: true });
    writeFileSync(join(root, file), content);
  }
  const saveNearer = (): void => save('services/one/node_modules/package/index.js', "module.exports = 'nearer'");
  function run(env = {}): { stdout: string; stderr: string } {
    const args = ['--require', join(root, CHASSIS, 'typescript.cjs'), join(root, 'services/one/main.js')];
    const { PATH } = process.env;
    const { stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: root,
      env: { PATH, ...env },
      encoding: 'utf8',
    });
    return { stdout: stdout.trim(), stderr };
  }

  it('is where it was before', () => {
    expect(run().stdout).to.equal('first');
    saveNearer();
    expect(run().stdout).to.equal('first');
  });

  it('is read as it is', () => {
    run();
    save('node_modules/package/inside.js', "module.exports = 'second'");
    expect(run().stdout).to.equal('second');
  });

  it('is looked for again when packages have been installed', () => {
    run();
    saveNearer();
    save(INSTALLED, '{ "packages": {} }');
    expect([run().stdout, run().stdout]).to.deep.equal(['nearer', 'nearer']);
  });

  it('is looked for again when Node.js is to look elsewhere', () => {
    run();
    saveNearer();
    expect(run({ NODE_OPTIONS: '--conditions=other' }).stdout).to.equal('nearer');
  });

  for (const other of ['something else', 'null'])
    it(`is looked for again when what was kept is ${other}`, () => {
      run();
      const kept = 'node_modules/.cache/chassis';
      const files = readdirSync(join(root, kept), { recursive: true, encoding: 'utf8' });
      for (const file of files.filter((name) => name.endsWith('.json'))) save(join(kept, file), other);
      saveNearer();
      expect(run()).to.deep.equal({ stdout: 'nearer', stderr: '' });
    });

  it('is missed when it has been deleted', () => {
    run();
    rmSync(join(root, 'node_modules/package'), { recursive: true });
    expect(run().stderr).to.contain("services/one/main.js:1: Error: Cannot find module 'package'");
  });

  for (const [what, spoil] of Object.entries({
    'it is not known when packages were installed': () => rmSync(join(root, INSTALLED)),
    'nothing can be kept': () => save('node_modules/.cache', ''),
  }))
    it(`is looked for each time where ${what}`, () => {
      spoil();
      run();
      saveNearer();
      expect(run()).to.deep.equal({ stdout: 'nearer', stderr: '' });
    });
});
