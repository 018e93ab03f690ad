/**
 * make new-service NAME=payments [DATABASE=1]: a service with its test, chart folder and values. All or nothing: what
 * fails midway is taken back.
 * The files are those of templates/service, with DATABASE also of templates/database. They are templates rather
 * than a copy of catalog because the shop is there to be deleted; types, lint and a test that compares them with the
 * services keep them true.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  addEntry,
  chartFolder,
  checkName,
  findParts,
  folder,
  install,
  LOCAL_VALUES,
  readEntries,
  VALUES,
} from './list.ts';

/** What cluster/ctlptl.yaml maps to localhost, after the shop's own. */
const PORTS = [8083, 8084, 8085, 8086, 8087, 8088, 8089];
const NODE_PORT_OFFSET = 30080 - 8080;

function main(): void {
  const { NAME: name = '', DATABASE = '' } = process.env;
  checkName(name);
  checkUnused(name);
  if (!['', '0', '1'].includes(DATABASE)) throw new Error(`DATABASE is 1 or nothing, not ${DATABASE}`);
  const port = nextPort();
  orTakeBack(name, () => create(name, port, DATABASE === '1'));
  console.log(`✓ ${folder(name)} is there, and will be at http://localhost:${port}`);
  console.log('  A running Tilt takes it up by itself; host mode with the next make dev.');
}

function checkUnused(name: string): void {
  if (readEntries(VALUES).has(name)) throw new Error(`There is a service ${name} already`);
  const [part] = findParts(name);
  if (part) throw new Error(`Something of a service ${name} is left in ${part}: make remove-service NAME=${name}`);
}

function nextPort(): number {
  const taken = [...readEntries(VALUES).values()].map((entry) => entry.port);
  const port = PORTS.find((candidate) => !taken.includes(candidate));
  if (!port) throw new Error(`No port is free: ${PORTS[0]} to ${PORTS.at(-1)} are all in ${VALUES}`);
  return port;
}

function create(name: string, port: number, database: boolean): void {
  copyTemplate('templates/service', name);
  if (database) copyTemplate('templates/database', name);
  else dropMigrations(`${folder(name)}/Dockerfile`);
  write(`${chartFolder(name)}/${name}.yaml`, `{{- include "app.workload" (dict "root" $ "name" "${name}") }}\n`);
  const image = { repository: `stand/${name}` };
  addEntry(VALUES, name, { port, image, ...(database && { database: { enabled: true } }) });
  addEntry(LOCAL_VALUES, name, { service: { nodePort: port + NODE_PORT_OFFSET } });
  install();
}

/** Copies a template's files over what is there, with the name for each NAME in paths and contents. */
function copyTemplate(template: string, name: string): void {
  const named = (text: string): string => text.replace(/\bNAME\b/g, name);
  for (const path of readdirSync(template, { recursive: true, encoding: 'utf8' })) {
    const source = join(template, path);
    if (statSync(source).isFile()) write(join(folder(name), named(path)), named(readFileSync(source, 'utf8')));
  }
}

/** Only a service with a database has migrations to take into its image. */
function dropMigrations(dockerfile: string): void {
  write(dockerfile, readFileSync(dockerfile, 'utf8').replace(/^COPY .*\/migrations\n/m, ''));
}

function write(file: string, content: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function orTakeBack(name: string, work: () => void): void {
  const before = [VALUES, LOCAL_VALUES, 'package-lock.json'].map((file) => [file, readFileSync(file)] as const);
  // Ctrl-C ends npm, but not us before everything is taken back.
  process.on('SIGINT', () => {});
  try {
    work();
  } catch (error) {
    // What is unchanged keeps its date: by that of package-lock.json, make decides whether to run npm ci.
    for (const [file, content] of before) if (!readFileSync(file).equals(content)) writeFileSync(file, content);
    for (const path of [folder(name), chartFolder(name), `node_modules/@stand/${name}`])
      rmSync(path, { recursive: true, force: true });
    throw new Error(`${(error as Error).message}; everything is as before`);
  }
}

try {
  main();
} catch (error) {
  console.error(`✗ ${(error as Error).message}`);
  process.exitCode = 1;
}
