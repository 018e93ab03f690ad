/**
 * Keeps in a container of development, in the service's folder, which migrations its database has:
 *   node migrated.cjs npm run migrate   notes those that are there now, if that command succeeds
 */
const { spawnSync } = require('node:child_process');
const { existsSync, writeFileSync } = require('node:fs');
const { hashMigrations } = require('./sources.cjs');

const FILE = '.migrated';

/** Those that the container came with: it is started when they are applied. */
exports.noteFirst = () => existsSync(FILE) || writeFileSync(FILE, hashMigrations('.'));

function run([program, ...args]) {
  // Before they are read: those that change meanwhile are to be applied again.
  const hash = hashMigrations('.');
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status === 0) writeFileSync(FILE, hash);
  process.exitCode = status ?? 1;
}

if (require.main === module) run(process.argv.slice(2));
