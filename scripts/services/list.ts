/**
 * The list of services: their entries in the chart's values files. Edited as text, so that comments and layout stay.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, isSeq, parse, parseDocument, type Scalar, stringify, type YAMLSeq } from 'yaml';
import { DEFAULTS, environments, MINE, valuesFile } from '../facts/values.ts';
import { Fault } from '../machine/terminal.ts';

export const VALUES = DEFAULTS;
export const LOCAL_VALUES = valuesFile('local');

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

/** A values file's entries under `services`, by name. */
export function readEntries(file: string): Map<string, Entry> {
  return entriesOf(readFileSync(file, 'utf8'));
}

/** values.yaml, what each environment changes of it, and what is a developer's own. */
export const valuesFiles = (): string[] => [VALUES, ...environments().map(valuesFile), MINE].filter(existsSync);

/** Puts an entry at the end of the list. @throws {Fault} when the file's layout is another */
export function addEntry(file: string, name: string, entry: Entry): void {
  const text = readFileSync(file, 'utf8');
  const lines = stringify({ [name]: entry }).replace(/^(?=.)/gm, '  ');
  const changed = text.replace(SECTION, (section) => section.replace(/^services: \{\}/, 'services:') + lines);
  writeFileSync(file, checked(file, changed, entriesOf(text).set(name, entry)));
}

/** Takes a service out of values files, and out of what others use: of all of them, or where one can't be edited, of none. */
export function removeEntries(name: string, files = valuesFiles()): void {
  const texts = files.map((file) => [file, without(name, file)] as const);
  for (const [file, text] of texts) writeFileSync(file, text);
}

function without(name: string, file: string): string {
  const text = readFileSync(file, 'utf8');
  const expected = entriesOf(text);
  expected.delete(name);
  for (const entry of expected.values()) if (entry.uses) entry.uses = entry.uses.filter((callee) => callee !== name);
  return checked(file, withoutUses(withoutEntry(text, name, expected.size === 0), name), expected);
}

function withoutEntry(text: string, name: string, isLast: boolean): string {
  const entry = new RegExp(`^ {2}${name}:.*\\n(?: {3}.*\\n|\\n(?= {3}))*`, 'm');
  // `services:` alone would be null, which takes the whole list away from Helm.
  const head = isLast ? 'services: {}' : 'services:';
  return text.replace(SECTION, (section) => section.replace(entry, '').replace(/^services:(?! \{\})/, head));
}

function withoutUses(text: string, name: string): string {
  const services = parseDocument(text).get('services');
  for (const { value } of isMap(services) ? services.items : []) {
    const uses = isMap(value) && value.get('uses');
    const index = isSeq(uses) ? uses.items.findIndex((item) => isScalar(item) && item.value === name) : -1;
    if (index >= 0) return withoutUses(withoutItem(text, uses as YAMLSeq<Scalar>, index), name);
  }
  return text;
}

/** Cuts one item out of a list, whether that is written [a, b] or as a line for each. */
function withoutItem(text: string, { items, flow, range: listRange }: YAMLSeq<Scalar>, index: number): string {
  const startOf = (item?: Scalar): number | undefined => item?.range?.[0];
  const endOf = (item?: Scalar): number | undefined => item?.range?.[1];
  const start = startOf(items[index]) ?? 0;
  const end = endOf(items[index]) ?? 0;
  if (flow) {
    const isLast = index === items.length - 1;
    return cut(text, isLast ? (endOf(items[index - 1]) ?? start) : start, startOf(items[index + 1]) ?? end);
  }
  const rest = cut(text, text.lastIndexOf('\n', start) + 1, text.indexOf('\n', end) + 1);
  if (items.length > 1) return rest;
  const colon = text.lastIndexOf(':', listRange?.[0]) + 1;
  return `${rest.slice(0, colon)} []${rest.slice(colon)}`;
}

const cut = (text: string, start: number, end: number): string => text.slice(0, start) + text.slice(end);

/** The text of a values file, where its list reads as it should. */
function checked(file: string, text: string, expected: Map<string, Entry>): string {
  const isWhole = parseDocument(text).errors.length === 0;
  if (isWhole && isDeepStrictEqual(entriesOf(text), expected)) return text;
  throw new Fault(
    `${file} has services in a layout that this can't edit`,
    'It edits two spaces per level, and each service on lines of its own.',
  );
}

function entriesOf(text: string): Map<string, Entry> {
  return new Map(Object.entries(parse(text)?.services ?? {}));
}
