/**
 * Builds the package of this folder for production: compiles src into dist, and copies there what else is in src.
 * Types are not checked.
 */
const { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { basename, dirname, join, relative } = require('node:path');
const { compile } = require('./compile.cjs');

rmSync('dist', { recursive: true, force: true });
cpSync('src', 'dist', { recursive: true });
for (const file of readdirSync('dist', { recursive: true }).filter((name) => /\.[cm]?ts$/.test(name))) {
  if (/\.[cm]ts$/.test(file)) throw new Error(`${join('src', file)}: only .ts is compiled`);
  if (!file.endsWith('.d.ts')) build(join('src', file), join('dist', file.replace(/ts$/, 'js')));
  rmSync(join('dist', file));
}

function build(source, target) {
  const { code, map } = compile(readFileSync(source, 'utf8'), source, {
    jsc: { rewriteRelativeImportExtensions: true },
    sourceMaps: true,
    sourceFileName: relative(dirname(target), source),
  });
  writeFileSync(target, `${withExtensions(code)}//# sourceMappingURL=${basename(target)}.map\n`);
  writeFileSync(`${target}.map`, map);
}

/** Of `import name = require('./file.ts')`, which swc leaves as it is. */
function withExtensions(code) {
  return code.replace(/(?<=\brequire\("\.{1,2}\/[^"]*\.)ts(?="\))/g, 'js');
}
