import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import ts from 'typescript';

const HOOK = resolve('services/chassis/typescript.cjs');
const BUILD = resolve('services/chassis/build.cjs');
const MODULE = `
  export let count = 1;
  export const increment = (): number => ++count;
  export enum Size { Small = 1, Large }
  export const enum Code { Found = 302 }
  export interface Shape { size: Size }
  export default function named() { return 'default of a source'; }`;

/** Programs of the kinds of syntax that compilers treat differently; `main.ts` prints something. */
const PROGRAMS: [kind: string, main: string, prints: string, other?: Record<string, string>][] = [
  [
    'decorators',
    `const seen: string[] = [];
     function note(_: unknown, { kind, name }: DecoratorContext): void { seen.push(kind + ' ' + String(name)); }
     function doubled(_: undefined, _context: ClassFieldDecoratorContext) { return (value: number) => value * 2; }
     @note class A { @doubled field = 2; @note accessor both = 1; @note method() {} @note static get one() { return 1; } }
     console.log(seen.join(), new A().field);`,
    'getter one,accessor both,method method,class A 4',
  ],
  ['accessors', 'class A { accessor x = 1; static accessor y = 2; } console.log(new A().x + A.y);', '3'],
  [
    'class fields, which are defined rather than set',
    `class A { declare x: number; constructor(readonly z = 2) {} }
     Object.defineProperty(A.prototype, 'x', { set() { console.log('set'); } });
     class B extends A { declare w: string; y?: number; override x = this.z; }
     console.log(JSON.stringify(Object.entries(new B())), 'y' in new B(), 'w' in new B());`,
    '[["z",2],["y",null],["x",2]] true false',
  ],
  [
    'enums and const enums of another file',
    `import { Code, Size, type Shape } from './module.ts';
     enum Local { A = 1 << 2, B = A | 1, C = 'c'.length }
     const shape: Shape = { size: Size.Large };
     console.log(Local[5], Local.C, Size[shape.size], Code.Found);`,
    'B 1 Large 302',
  ],
  [
    'namespaces',
    `namespace N { export const a = 1; export namespace M { export const b = a + 1; } }
     namespace N { export const c = N.M.b + 1; }
     console.log(N.a, N.M.b, N.c);`,
    '1 2 3',
  ],
  [
    'import = require',
    "import path = require('node:path'); import other = require('./module.ts'); console.log(path.basename('/a/b'), other.Size.Small);",
    'b 1',
  ],
  ['export =', "import f = require('./f.ts'); console.log(f(2));", '4', { 'f.ts': 'export = (n: number) => n * 2;' }],
  ['JSON', "import data from './data.json'; console.log(data.of);", 'json'],
  [
    'files beside the source',
    `import { readFileSync } from 'node:fs'; import { join } from 'node:path';
     console.log(readFileSync(join(__dirname, 'all.sql'), 'utf8'), require('./deep/below.json').of);`,
    'SELECT 1 below',
    { 'deep/below.json': '{ "of": "below" }' },
  ],
  [
    'what CommonJS packages export',
    `import whole, { named } from 'common'; import * as all from 'common'; import flagged from 'flagged';
     console.log(whole.named, named, all.named, flagged);`,
    '1 1 1 its default',
  ],
  [
    'import() of an ES module that awaits',
    "import('awaiting').then((module) => console.log(module.default, Object.keys(module).join()));",
    'later default,named',
  ],
  [
    'import() of CommonJS packages',
    `Promise.all([import('common'), import('flagged')]).then(([common, flagged]) =>
       console.log(common.named, common.default.named, (flagged.default as any).default));`,
    '1 1 its default',
  ],
  [
    'import() of a source',
    `const later = import('./module.ts').then((module) => console.log(module.Size.Small, (module.default as any).default()));
     import { increment } from './module.ts';
     later.then(async () => { increment(); console.log((await import('./deep/lazy.ts')).count()); });`,
    '1 default of a source\n2',
    { 'deep/lazy.ts': "import { count as now } from '../module.ts'; export const count = () => now;" },
  ],
  [
    'import() of JSON',
    "import('./data.json', { with: { type: 'json' } }).then(({ default: { of } }) => console.log(of));",
    'json',
  ],
  [
    'live bindings and re-exports',
    "import { again, count, increment, path } from './again.ts'; increment(); console.log(count, again(), path.Size.Small);",
    '2 default of a source 1',
    {
      'again.ts':
        "export * from './module.ts'; export { default as again } from './module.ts'; export * as path from './module.ts';",
    },
  ],
  [
    'imports of types alone, and for their effect alone',
    "import { Shape } from './module.ts'; import type named from './missing.ts'; import './effect.ts'; console.log({} as Shape);",
    'effect\n{}',
    { 'effect.ts': "console.log('effect');", 'missing.ts': "console.log('a type has no effect'); export default 1;" },
  ],
  [
    'modules in a circle',
    "import { a } from './a.ts'; console.log(a());",
    'ab',
    {
      'a.ts': "import { b } from './b.ts'; export const a = () => 'a' + b(); export const letter = 'b';",
      'b.ts': "import { letter } from './a.ts'; export const b = () => letter;",
    },
  ],
  [
    'using',
    "{ using _ = { [Symbol.dispose]: () => console.log('disposed') }; console.log('used'); }",
    'used\ndisposed',
    { 'symbol.ts': '' },
  ],
  [
    'private names, static blocks, satisfies, assertions, overloads',
    `abstract class A { static #n = 1; static total: number; static { A.total = A.#n + 1; } abstract x(): number; }
     class B extends A { x(): number; x(by?: number): number { return (by ?? 1) satisfies number; } }
     console.log(A.total, new B()!.x(), <unknown>'asserted');`,
    '2 1 asserted',
  ],
  [
    'lines of errors',
    `interface A {

     }
     try { throw new Error('fault' satisfies string) } catch (error) { console.log(/main\\.ts:\\d+/.exec((error as Error).stack!)?.[0]); }`,
    'main.ts:4',
  ],
];

const PACKAGES: Record<string, string> = {
  'common/package.json': '{}',
  'common/index.js': 'exports.named = 1;',
  'common/index.d.ts': 'declare const common: { named: number }; export = common;',
  'flagged/package.json': '{}',
  'flagged/index.js': "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = 'its default';",
  'flagged/index.d.ts': 'declare const flagged: string; export default flagged;',
  'awaiting/package.json': '{ "type": "module", "exports": "./index.js" }',
  'awaiting/index.js': "export default await Promise.resolve('later'); export const named = 1;",
  'awaiting/index.d.ts': 'declare const later: string; export default later; export const named: number;',
};

const FILES = { 'data.json': '{ "of": "json" }', 'all.sql': 'SELECT 1', 'module.ts': MODULE };

/** What would not run, or not everywhere: tsc says so, by this code. */
const REFUSED: [kind: string, main: string, code: number][] = [
  ['await outside of functions', 'await Promise.resolve(); export {};', 1309],
  ['import.meta', 'console.log(import.meta.url);', 1470],
  ['decorators of parameters', 'declare const d: any; export class A { constructor(@d x: number) { void x; } }', 1206],
  ['attributes where require() takes none', "import data from './data.json' with { type: 'json' }; void data;", 2856],
  ['a type exported again as a value', "export { Shape } from './module.ts';", 1205],
];

describe('a program does the same in development, in production and by tsc', () => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'compile-')));
  const at = (...path: string[]): string => join(root, ...path);
  const mainOf = (folder: string) => (_: unknown, index: number) => `${folder}/${index}/main.ts`;
  const node = (...args: string[]): string =>
    execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  let faults: readonly ts.Diagnostic[];

  function write(folder: string, files: Record<string, string>): void {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(at(folder, file)), { recursive: true });
      writeFileSync(at(folder, file), text);
    }
  }

  /** Into tsc/. @returns what is wrong with the types */
  function compileByTsc(files: string[]): readonly ts.Diagnostic[] {
    const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, '.');
    const folders = { rootDir: root, outDir: at('tsc'), typeRoots: [resolve('node_modules/@types')] };
    const names = files.map((file) => at(file));
    const program = ts.createProgram(names, { ...options, ...folders, sourceMap: true });
    return [...program.emit().diagnostics, ...ts.getPreEmitDiagnostics(program)];
  }

  const faultsIn = (path: string): string[] =>
    faults
      .filter(({ file }) => file?.fileName.startsWith(at(path)))
      .map(
        ({ file, code, messageText }) =>
          `${file?.fileName} ${code} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
      );

  before(() => {
    write('.', { 'package.json': '{}' });
    write('node_modules', PACKAGES);
    for (const [index, [, main, , others]] of PROGRAMS.entries())
      write(`src/${index}`, { ...FILES, ...others, 'main.ts': main });
    for (const [index, [, main]] of REFUSED.entries()) write(`refused/${index}`, { ...FILES, 'main.ts': main });
    node(BUILD);
    cpSync(at('src'), at('tsc/src'), { recursive: true });
    faults = compileByTsc([...PROGRAMS.map(mainOf('src')), ...REFUSED.map(mainOf('refused'))]);
  });
  after(() => rmSync(root, { recursive: true }));

  it('with all types right', () => expect(faultsIn('src')).to.deep.equal([]));

  for (const [index, [kind, , prints]] of PROGRAMS.entries())
    it(kind, () => {
      expect(node('--require', HOOK, `src/${index}/main.ts`), 'in development').to.equal(prints);
      expect(node('--enable-source-maps', `dist/${index}/main.js`), 'in production').to.equal(prints);
      expect(node('--enable-source-maps', `tsc/src/${index}/main.js`), 'by tsc').to.equal(prints);
    });

  for (const [index, [kind, , code]] of REFUSED.entries())
    it(`or is refused: ${kind}`, () => {
      expect(faultsIn(`refused/${index}`).join('\n')).to.contain(` ${code} `);
    });

  it('or is not built: another kind of module', () => {
    write('src/0', { 'other.mts': 'export const a: number = 1;' });
    expect(() => node(BUILD)).to.throw('src/0/other.mts: only .ts is compiled');
  });
});
