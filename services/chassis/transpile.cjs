/**
 * The sources as CommonJS, in development. They are kept, so that a start of a service waits for no compiler: nodemon.cjs,
 * which lives on, has each save transpiled while the old process ends.
 */
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join, relative, resolve } = require('node:path');
// As in sources.cjs.
const { crc32 } = require('node:zlib');
const { listSources, orElse } = require('./sources.cjs');

const ROOT = resolve(__dirname, '../..');
/** Worktrees may share their packages. */
const KEPT = join(ROOT, 'node_modules/.cache/chassis', crc32(ROOT).toString(16));
/** What the result depends on beside the source and its path. */
const COMPILER = [__filename, join(__dirname, 'compile.cjs'), require.resolve('@swc/core/package.json')].reduce(
  (hash, file) => crc32(readFileSync(file), hash),
  0,
);

/** Not where the folder may not be written: then each process does it for itself. */
let canKeep = true;

/** @returns the code, with its source map @throws with the fault, as swc draws it */
function transpile(file) {
  const source = readFileSync(file);
  const key = crc32(source, crc32(file, COMPILER)).toString(16).padStart(8, '0');
  const place = placeOf(file, '.js');
  const kept = place && orElse(undefined, () => readFileSync(place, 'utf8'));
  if (kept?.startsWith(key)) return kept.slice(key.length);
  const code = compile(source, file);
  if (place) keep(place, key + code);
  return code;
}

/** Those that the service in the working directory is made of; what is wrong with one is said when it is loaded. */
function transpileSources() {
  const sources = listSources('.').filter((source) => source.endsWith('.ts'));
  for (const file of sources.map((source) => resolve(source)).filter((file) => placeOf(file, '.js')))
    try {
      if (canKeep) transpile(file);
    } catch {}
}

/** Where something of a source is kept; undefined for one from elsewhere. */
function placeOf(file, ending) {
  const path = relative(ROOT, file);
  return path.startsWith('..') ? undefined : join(KEPT, encodeURIComponent(path) + ending);
}

/** Loads the compiler only now. The map is without the source, which the start of each process would parse. */
function compile(source, file) {
  const { compile } = require('./compile.cjs');
  return compile(source.toString(), file, { sourceMaps: 'inline', inlineSourcesContent: false }).code;
}

/** Whole or not at all, as others write and read it at the same time. */
function keep(file, content) {
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(KEPT, { recursive: true });
    writeFileSync(draft, content);
    renameSync(draft, file);
  } catch {
    canKeep = false;
  }
}

module.exports = { keep, placeOf, ROOT, transpile, transpileSources };
