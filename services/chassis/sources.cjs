/**
 * Which sources a process has started from, and which migrations were applied, as short hashes: typescript.cjs and
 * migrated.cjs take them in development, `/livez` tells them, and scripts compare them with the files as they are.
 */
const { existsSync, readdirSync, readFileSync, statSync } = require('node:fs');
const { join, resolve } = require('node:path');
// Every save waits for this: the first use of node:crypto costs up to ten times as much as all else here.
const { crc32 } = require('node:zlib');

/** What of a watched folder is never a source; nodemon ignores the same. */
const IGNORED = /^(node_modules|coverage|bower_components|__pycache__|\..+)$/;

/** What migrations consist of, in a service's folder. */
const MIGRATIONS = ['migrations', 'seed.sql'];

/** The folder that an entry of nodemon's `watch` names; of a pattern, the folder before it. */
const folderOf = (rule) => rule.replace(/[^/]*[*?{[].*$/, '') || '.';

/**
 * All files below the folders that the service's nodemon.json has watched, its own and the chassis', with the
 * extensions that it names: whatever else is saved there, as by editors, restarts nothing.
 * @returns their paths from the service's folder; none for a folder without nodemon.json
 */
function listSources(service) {
  const settings = join(service, 'nodemon.json');
  if (!existsSync(settings)) return [];
  const { watch = ['.'], ext = 'js,mjs,cjs,json' } = JSON.parse(readFileSync(settings, 'utf8'));
  const endings = ext.split(/[\s,]+/).map((one) => one.replace(/^[*.]*/, '.'));
  const files = watch.filter((rule) => !rule.startsWith('!')).flatMap((rule) => filesBelow(service, folderOf(rule)));
  return files.filter((file) => endings.some((ending) => file.endsWith(ending)));
}

const listMigrations = (service) => MIGRATIONS.flatMap((entry) => [entry, ...filesBelow(service, entry)]);

function filesBelow(service, folder) {
  return entriesOf(resolve(service, folder))
    .filter(({ name }) => !IGNORED.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(service, path) : path;
    });
}

/** @returns undefined for a folder without nodemon.json, which is none of a service */
const hashSources = (service) =>
  existsSync(join(service, 'nodemon.json')) ? hashOf(service, listSources(service)) : undefined;

const hashMigrations = (service) => hashOf(service, listMigrations(service));

/** Of each file by its path from the service's folder, which is the same in a container. */
function hashOf(service, files) {
  const add = (hash, file) => {
    const content = read(resolve(service, file));
    return content ? crc32(content, crc32(`${file}\0`, hash)) : hash;
  };
  return files.reduce(add, 0).toString(16).padStart(8, '0');
}

/** When a source or migration was saved last, in ms since 1970. */
function savedAt(service) {
  const files = [...listSources(service), ...listMigrations(service)].map((file) => resolve(service, file));
  return Math.max(0, ...files.map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0));
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

module.exports = { IGNORED, MIGRATIONS, folderOf, hashMigrations, hashSources, listSources, orElse, savedAt };
