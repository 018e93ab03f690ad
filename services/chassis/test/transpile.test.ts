import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CHASSIS, copyOfHook } from './hook.ts';

/** Prints what the source is, and whether it was compiled for this. */
const source = (text: string): string =>
  `const text: string = '${text}';
console.log(text, Object.keys(require.cache).some((file) => file.includes('@swc')));`;

describe('a source of a service', () => {
  let root: string;

  beforeEach(() => {
    root = copyOfHook();
    save('first');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const save = (text: string): void => writeFileSync(join(root, CHASSIS, 'app.ts'), source(text));
  function run(): string {
    const args = ['--require', join(root, CHASSIS, 'typescript.cjs'), join(root, CHASSIS, 'app.ts')];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect(stderr).to.equal('');
    return stdout.trim();
  }

  it('is compiled once, and again when it has changed', () => {
    expect([run(), run()]).to.deep.equal(['first true', 'first false']);
    save('second');
    expect([run(), run()]).to.deep.equal(['second true', 'second false']);
  });

  it('is compiled again when the compiler has changed', () => {
    run();
    const compiler = join(root, CHASSIS, 'compile.cjs');
    writeFileSync(compiler, readFileSync(compiler, 'utf8').replace("'es2022'", "'es2021'"));
    expect([run(), run()]).to.deep.equal(['first true', 'first false']);
  });

  it('is compiled again when what was kept is something else', () => {
    run();
    const kept = join(root, 'node_modules/.cache/chassis');
    const files = readdirSync(kept, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files).to.have.length(1);
    for (const { parentPath, name } of files) writeFileSync(join(parentPath, name), 'something else');
    expect(run()).to.equal('first true');
  });

  it('runs as well where nothing can be kept', () => {
    writeFileSync(join(root, 'node_modules/.cache'), '');
    expect([run(), run()]).to.deep.equal(['first true', 'first true']);
  });
});
