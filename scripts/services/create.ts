/**
 * A new service: its folder with a test, its chart folder and its values. All or nothing: what fails midway is taken
 * back. The files are templates rather than a copy of a service, because any service may be deleted; types, lint
 * and a test that compares them with the services keep them true.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readNames } from '../facts/names.ts';
import { nodePortOf, servicePorts } from '../facts/ports.ts';
import { Fault } from '../machine/terminal.ts';
import { chartFile, chartFolder, findParts, folder } from './folders.ts';
import { addEntry, LOCAL_VALUES, readEntries, VALUES } from './list.ts';
import { checkName } from './names.ts';
import { format, install } from './packages.ts';
import { copyTemplates, type Template, write } from './templates.ts';

/** @returns its port @throws {Fault} */
export function createService(name: string, ...templates: Template[]): number {
  checkName(name);
  checkUnused(name);
  const port = nextPort();
  orTakeBack(name, () => create(name, port, templates));
  return port;
}

function checkUnused(name: string): void {
  if (readEntries(VALUES).has(name)) throw new Fault(`There is a service ${name} already`);
  const [part] = findParts(name);
  if (part) throw new Fault(`Something of a service ${name} is left in ${part}: make remove-service NAME=${name}`);
}

function nextPort(): number {
  const ports = servicePorts();
  const taken = [...readEntries(VALUES).values()].map((entry) => entry.port);
  const port = ports.find((candidate) => !taken.includes(candidate));
  if (!port) throw new Fault(`No port is free: ${ports[0]} to ${ports.at(-1)} are all in ${VALUES}`);
  return port;
}

function create(name: string, port: number, templates: Template[]): void {
  copyTemplates(templates, name, folder(name));
  write(...chartFile(name));
  const image = { repository: `${readNames().name}/${name}` };
  addEntry(VALUES, name, { port, image, ...(templates.includes('database') && { database: { enabled: true } }) });
  addEntry(LOCAL_VALUES, name, { service: { nodePort: nodePortOf(port) ?? 0 } });
  format(folder(name));
  // Last: Tilt forgets a change of the release, as new values are, when a live update, as a new lockfile is, meets it.
  install();
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
    for (const path of [folder(name), chartFolder(name), `node_modules/@${readNames().name}/${name}`])
      rmSync(path, { recursive: true, force: true });
    throw new Fault(`${(error as Error).message}; everything is as before`);
  }
}
