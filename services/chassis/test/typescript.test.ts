import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
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
