/**
 * Which sources a process has started from, as a short hash: typescript.cjs takes it in development, `/livez` tells it,
 * and scripts compare it with the files as they are.
 */
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { join, resolve } = require('node:path');
// Every save waits for this: the first use of node:crypto costs up to ten times as much as all else here.
const { crc32 } = require('node:zlib');

/** What of a watched folder is never a source; nodemon ignores the same. */
const IGNORED = /^(node_modules|coverage|bower_components|__pycache__|\..+)$/;

/** The folder that an entry of nodemon's `watch` names; of a pattern, the folder before it. */
const folderOf = (rule) => rule.replace(/[^/]*[*?{[].*$/, '') || '.';

/**
 * Of all files below the folders that the service's nodemon.json has watched, its own and the chassis', with the
 * extensions that it names: whatever else is saved there, as by editors, restarts nothing.
 * @returns undefined for a folder without nodemon.json, which is none of a service
 */
function hashSources(service) {
  const settings = join(service, 'nodemon.json');
  if (!existsSync(settings)) return undefined;
  const { watch = ['.'], ext = 'js,mjs,cjs,json' } = JSON.parse(readFileSync(settings, 'utf8'));
  const endings = ext.split(/[\s,]+/).map((one) => one.replace(/^[*.]*/, '.'));
  const files = watch.filter((rule) => !rule.startsWith('!')).flatMap((rule) => filesOf(folderOf(rule)));
  const hash = files.filter((file) => endings.some((ending) => file.endsWith(ending))).reduce(add, 0);
  return hash.toString(16).padStart(8, '0');

  /** By its path from the service's folder, which is the same in a container. */
  function add(hash, file) {
    const content = read(resolve(service, file));
    return content ? crc32(content, crc32(`${file}\0`, hash)) : hash;
  }

  function filesOf(folder) {
    return entriesOf(resolve(service, folder))
      .filter(({ name }) => !IGNORED.test(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const path = `${folder}/${entry.name}`;
        return entry.isDirectory() ? filesOf(path) : path;
      });
  }
}

const entriesOf = (folder) => orElse([], () => readdirSync(folder, { withFileTypes: true }));
const read = (file) => orElse(undefined, () => readFileSync(file));

/** Files come and go while they are saved. */
function orElse(otherwise, look) {
  try {
    return look();
  } catch {
    return otherwise;
  }
}

module.exports = { IGNORED, folderOf, hashSources };
