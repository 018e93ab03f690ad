/**
 * Keeps in a container of development, in the service's folder, what became of its migrations; `/livez` tells it:
 *   node migrated.cjs npm run migrate   notes whether that command has applied those that are there now
 */
const { spawnSync } = require('node:child_process');
const { existsSync, writeFileSync } = require('node:fs');
const { hashMigrations } = require('./sources.cjs');

const FILE = '.migrated';

const note = (hash, failed) => writeFileSync(FILE, JSON.stringify({ hash, failed }));

/** Those that the container came with: it is started when they are applied. */
exports.noteFirst = () => existsSync(FILE) || note(hashMigrations('.'), false);

function run([program, ...args]) {
  // Before they are read: those that change meanwhile are to be applied again.
  const hash = hashMigrations('.');
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  note(hash, status !== 0);
  process.exitCode = status ?? 1;
}

if (require.main === module) run(process.argv.slice(2));
