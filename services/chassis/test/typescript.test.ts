import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { which } from '../../../scripts/machine/command.ts';

const HOOK = resolve('services/chassis/typescript.cjs');

describe('a syntax error in a service', () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'stand-syntax-')));
  after(() => rmSync(dir, { recursive: true }));

  const run = (text: string, command = process.execPath, ...args: string[]) => {
    writeFileSync(join(dir, 'app.ts'), text);
    return spawnSync(command, [...args, '--require', HOOK, 'app.ts'], { cwd: dir, encoding: 'utf8' });
  };
  const bad = 'const a = 1;\nfunction f(ü: string) {\n  return = 2;\n}\n';
  const shown = ['app.ts:3: Expression expected', '  return = 2;', '         ^', ''];

  for (const [what, text, expected] of [
    ['in the middle', bad, shown],
    ['with CRLF and a byte order mark', `\uFEFF${bad.replaceAll('\n', '\r\n')}`, shown],
    [
      'below the tenth line, of some length',
      `${'\n'.repeat(120)}const x = 1 2 "three";`,
      ['app.ts:121: Expected a semicolon', 'const x = 1 2 "three";', '            ^', ''],
    ],
    [
      'the first of several',
      "enum X { A = 'x }\n",
      ['app.ts:1: Unterminated string constant', "enum X { A = 'x }", '             ^^^^', ''],
    ],
    ['at the end', 'const x = [1,\n', ['app.ts:1: Expression expected', 'const x = [1,', '              ^', '']],
  ] as const)
    it(`ends in file, line and caret, and nothing else: ${what}`, () => {
      const { status, stdout, stderr } = run(text);
      expect(stderr.split('\n')).to.deep.equal(expected);
      expect([status, stdout]).to.deep.equal([1, '']);
    });

  it('looks the same in a terminal', function () {
    // Debian's, which gives a command a terminal.
    if (process.platform !== 'linux' || !which('script')) this.skip();
    const inTerminal = [
      '--quiet',
      '--return',
      '--command',
      `"${process.execPath}" --require "${HOOK}" app.ts`,
      '/dev/null',
    ];
    writeFileSync(join(dir, 'app.ts'), bad);
    const { stdout } = spawnSync('script', inTerminal, { cwd: dir, encoding: 'utf8' });
    expect(stdout.split('\r\n')).to.deep.equal(shown);
  });
});

/** What a service throws while its modules are loaded, and what is shown of it. */
const FAULTS: [what: string, text: string, shown: string[]][] = [
  [
    'a package that is not there',
    "import { Server } from 'node:http';\n\nimport leftPad from 'left-pad';\nleftPad(Server);\n",
    [
      "src/app.ts:3: Error: Cannot find module 'left-pad' (npm install left-pad -w services/one)",
      "import leftPad from 'left-pad';",
      `${' '.repeat(20)}^`,
    ],
  ],
  [
    'a file of a package that is not there',
    "import one from '@scope/one/two';\none();\n",
    [
      "src/app.ts:1: Error: Cannot find module '@scope/one/two' (npm install @scope/one -w services/one)",
      "import one from '@scope/one/two';",
      `${' '.repeat(16)}^`,
    ],
  ],
  [
    'a source that is not there',
    "import other from './other.ts';\nother();\n",
    ["src/app.ts:1: Error: Cannot find module './other.ts'", "import other from './other.ts';", `${' '.repeat(18)}^`],
  ],
  [
    'a module of Node.js that is not there',
    "import { Server } from 'node:http';\nimport other from 'node:other';\nother(Server);\n",
    [
      'src/app.ts:2: Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module: node:other',
      "import other from 'node:other';",
      `${' '.repeat(18)}^`,
    ],
  ],
  [
    'an error with a cause',
    "function load(): never {\n\tthrow new Error('first\\nsecond', { cause: 'deep' });\n}\nload();\n",
    [
      'src/app.ts:2: Error: first',
      'second',
      "\tthrow new Error('first\\nsecond', { cause: 'deep' });",
      '\t      ^',
      '    at load (src/app.ts:2:8)',
      '    at Object.<anonymous> (src/app.ts:4:1)',
      "  [cause]: 'deep'",
    ],
  ],
  ['what is no error', 'throw null;\n', ['null']],
];

describe('a service that throws while it is loaded', () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'throws-')));
  const folder = join(root, 'services/one');
  before(() => mkdirSync(join(folder, 'src'), { recursive: true }));
  after(() => rmSync(root, { recursive: true }));

  const run = (text: string) => {
    writeFileSync(join(folder, 'src/app.ts'), text);
    return spawnSync(process.execPath, ['--require', HOOK, 'src/app.ts'], { cwd: folder, encoding: 'utf8' });
  };

  for (const [what, text, shown] of FAULTS)
    it(`ends in place and source, and its own frames: ${what}`, () => {
      const { status, stdout, stderr } = run(text);
      expect(stderr.split('\n')).to.deep.equal([...shown, '']);
      expect([status, stdout]).to.deep.equal([1, '']);
    });

  it('leaves what is thrown later to whoever listens for it', () => {
    const text = `process.on('uncaughtException', ({ message }) => console.log(message));
setTimeout(() => { throw new Error('one'); });
setTimeout(() => { throw new Error('two'); }, 10);`;
    expect(run(text)).to.include({ status: 0, stdout: 'one\ntwo\n', stderr: '' });
  });
});
