/**
 * What makes a service: its folder, its chart folder and its entries in the values files, which are edited as text, so
 * that comments and formatting stay.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'yaml';

const CHART = 'helm/app';
export const VALUES = `${CHART}/values.yaml`;
export const LOCAL_VALUES = `${CHART}/values-local.yaml`;

const NAME = /^[a-z]([a-z0-9-]{0,29}[a-z0-9])?$/;

/** The stand's own folders, labels and rows in Tilt, what git or Docker leave out, and what YAML takes for no name. */
const RESERVED = [
  ...['chassis', 'postgresql', 'release', 'types', 'tests', 'helm-test', 'test', 'dist'],
  ...['null', 'true', 'false', 'yes', 'no', 'on', 'off', 'y', 'n'],
];

/** `services:` with the lines under it. */
const SECTION = /^services:.*\n(?: .*\n|\n(?= ))*/m;

export interface Entry {
  port?: number;
  image?: { repository: string };
  database?: { enabled: boolean };
  service?: { nodePort: number };
  needs?: string[];
  uses?: string[];
}

export const folder = (name: string): string => `services/${name}`;
export const chartFolder = (name: string): string => `${CHART}/templates/${name}`;

/** @throws with a sentence when no service may have this name */
export function checkName(name: string): void {
  if (!name) throw new Error('NAME is missing, as in NAME=payments');
  if (!NAME.test(name))
    throw new Error(`${name} can't be a name: use lower-case letters, digits and dashes, 31 at most`);
  if (RESERVED.includes(name)) throw new Error(`${name} can't be a name: it has a meaning of its own here`);
}

/** A values file's entries under `services`, by name. */
export function readEntries(file: string): Map<string, Entry> {
  return entriesOf(readFileSync(file, 'utf8'));
}

/** values.yaml and what each environment changes of it. */
export function valuesFiles(): string[] {
  return readdirSync(CHART).flatMap((file) => (/^values.*\.yaml$/.test(file) ? [`${CHART}/${file}`] : []));
}

/** Where there is something of the service, whole or not. */
export function findParts(name: string): string[] {
  const folders = [folder(name), chartFolder(name)].filter(existsSync);
  return [...folders, ...valuesFiles().filter((file) => readEntries(file).has(name))];
}

/** Puts an entry at the end of the list. */
export function addEntry(file: string, name: string, entry: Entry): void {
  const expected = readEntries(file).set(name, entry);
  const lines = stringify({ [name]: entry }).replace(/^(?=.)/gm, '  ');
  edit(file, expected, (section) => section.replace(/^services: \{\}/, 'services:') + lines);
}

export function removeEntry(file: string, name: string): void {
  const expected = readEntries(file);
  expected.delete(name);
  const entry = new RegExp(`^ {2}${name}:.*\\n(?: {3}.*\\n|\\n(?= {3}))*`, 'm');
  // `services:` alone would be null, which takes the whole list away from Helm.
  const head = expected.size > 0 ? 'services:' : 'services: {}';
  edit(file, expected, (section) => section.replace(entry, '').replace(/^services:/, head));
}

/** Brings package-lock.json and the workspaces' links in node_modules up to date. */
export function install(): void {
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  } catch {
    throw new Error('npm install failed');
  }
}

/** Writes the changed list, if it then reads as it should. */
function edit(file: string, expected: Map<string, Entry>, change: (section: string) => string): void {
  const text = readFileSync(file, 'utf8').replace(SECTION, change);
  if (!isDeepStrictEqual(entriesOf(text), expected))
    throw new Error(
      `${file} has services in a layout that this can't edit: two spaces per level, each service on lines of its own`,
    );
  writeFileSync(file, text);
}

function entriesOf(text: string): Map<string, Entry> {
  return new Map(Object.entries(parse(text)?.services ?? {}));
}
