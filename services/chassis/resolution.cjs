/**
 * Where the modules of packages are, in development. Node.js looks for each in many places, which is a tenth of a start:
 * what it has found is kept for the next one, until packages are installed.
 */
const { existsSync, readFileSync, statSync } = require('node:fs');
const Module = require('node:module');
const { join, sep } = require('node:path');
const { orElse } = require('./sources.cjs');
const { keep, placeOf, ROOT } = require('./transpile.cjs');

/** npm writes it whenever it changes packages. */
const INSTALLED = join(ROOT, 'node_modules/.package-lock.json');

/** What a result depends on beside who asks for what; undefined where that is not known. */
function describeState() {
  const installed = statSync(INSTALLED, { throwIfNoEntry: false });
  const { NODE_OPTIONS, NODE_PATH } = process.env;
  return (
    installed && [installed.mtimeMs, installed.size, process.version, process.execArgv, NODE_OPTIONS, NODE_PATH].join()
  );
}

/** Has Node.js find at once what this program has been given before, by what many tools replace for their own ends. */
exports.keepResolution = (program) => {
  const state = describeState();
  const place = state && program && placeOf(program, '.json');
  if (!place) return;
  const kept = orElse(undefined, () => JSON.parse(readFileSync(place, 'utf8')));
  const files = kept?.state === state ? kept.files : {};
  let isNew = false;
  const resolve = Module._resolveFilename;
  Module._resolveFilename = (request, parent, isMain, options) => {
    const key = `${parent?.filename}\n${request}`;
    if (!options && Object.hasOwn(files, key) && existsSync(files[key])) return files[key];
    const file = resolve(request, parent, isMain, options);
    if (!options && file.includes(`${sep}node_modules${sep}`)) {
      files[key] = file;
      isNew = true;
    }
    return file;
  };
  process.on('exit', () => isNew && keep(place, JSON.stringify({ state, files })));
};
