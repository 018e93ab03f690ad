/**
 * The sources as CommonJS, in development. They are kept, so that a start of a service waits for no compiler: nodemon.cjs,
 * which lives on, has each save transpiled while the old process ends.
 */
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join, relative, resolve } = require('node:path');
// As in sources.cjs.
const { crc32 } = require('node:zlib');
const { listSources } = require('./sources.cjs');

const ROOT = resolve(__dirname, '../..');
const KEPT = join(ROOT, 'node_modules/.cache/chassis');
/** What the result depends on beside the source and its path. */
const COMPILER = crc32(readFileSync(join(__dirname, 'compile.cjs')), crc32(require('@swc/core/package.json').version));

/** @returns the code, with its source map @throws with the fault, as swc draws it */
function transpile(file) {
  const source = readFileSync(file);
  const key = crc32(source, crc32(file, COMPILER)).toString(16).padStart(8, '0');
  const path = relative(ROOT, file);
  if (path.startsWith('..')) return compile(source, file);
  const place = join(KEPT, `${encodeURIComponent(path)}.js`);
  const kept = read(place);
  if (kept?.startsWith(key)) return kept.slice(key.length);
  const code = compile(source, file);
  keep(place, key + code);
  return code;
}

/** Those that the service in the working directory is made of; what is wrong with one is said when it is loaded. */
function transpileSources() {
  for (const file of listSources('.').filter((source) => source.endsWith('.ts')))
    try {
      transpile(resolve(file));
    } catch {}
}

/** Loads the compiler only now. The map is without the source, which the start of each process would parse. */
function compile(source, file) {
  const { compile } = require('./compile.cjs');
  return compile(source.toString(), file, { sourceMaps: 'inline', inlineSourcesContent: false }).code;
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whole or not at all, as others write and read it at the same time. Where that is not allowed, all works without. */
function keep(file, content) {
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(draft, content);
    renameSync(draft, file);
  } catch {}
}

module.exports = { transpile, transpileSources };
