import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { nodePortOf } from '../../scripts/facts/ports.ts';

interface Entry {
  port?: number;
  needs?: string[];
  uses?: string[];
  service?: { nodePort?: number };
}

const CHART = 'helm/app';
/** Folders that are no services: the library, and the chart's own templates. */
const LIBRARY = 'chassis';
const OTHER_TEMPLATES = ['jaeger', 'postgresql', 'tests'];

/** What is wrong with the services of the repository at `root`: a sentence per missing or contradicting piece. */
export function findFaults(root: string): string[] {
  const services = readEntries(root, 'values.yaml');
  const local = readEntries(root, 'values-local.yaml');
  return [
    ...findStrays(root, Object.keys(services)),
    ...Object.entries(services).flatMap(([name, entry]) => [
      ...findMissingFiles(root, name),
      ...findPortFaults(name, services, local[name]?.service?.nodePort),
      ...findUnknown(name, entry, services),
    ]),
  ];
}

/** Pieces of services that are not in the list. */
function findStrays(root: string, names: string[]): string[] {
  const unlisted = (all: string[], known: string[] = []) => all.filter((name) => ![...names, ...known].includes(name));
  const files = readdirSync(join(root, CHART)).filter((file) => /^values-.*\.yaml$/.test(file));
  const pieces = [
    ...unlisted(foldersIn(root, 'services'), [LIBRARY]).map((name) => [name, `services/${name}`]),
    ...unlisted(foldersIn(root, `${CHART}/templates`), OTHER_TEMPLATES).map((name) => [
      name,
      `${CHART}/templates/${name}`,
    ]),
    ...files.flatMap((file) =>
      unlisted(Object.keys(readEntries(root, file))).map((name) => [name, `${CHART}/${file}`]),
    ),
  ];
  return pieces.map(([name, where]) => `${where}: ${name} is not one of services in ${CHART}/values.yaml`);
}

function findMissingFiles(root: string, name: string): string[] {
  const dockerfile = `services/${name}/Dockerfile`;
  const missing = [`services/${name}`, dockerfile, `${CHART}/templates/${name}/${name}.yaml`].filter(
    (path) => !existsSync(join(root, path)),
  );
  const text = missing.includes(dockerfile) ? '' : readFileSync(join(root, dockerfile), 'utf8');
  const targets = text ? ['dev', 'prod'].filter((target) => !new RegExp(`^FROM .* AS ${target}$`, 'm').test(text)) : [];
  return [
    ...missing.map((path) => `${name}: ${path} is missing`),
    ...targets.map((target) => `${name}: ${dockerfile} has no target ${target}`),
  ];
}

function findPortFaults(name: string, services: Record<string, Entry>, nodePort?: number): string[] {
  const { port = 0 } = services[name] ?? {};
  const twin = Object.keys(services).find((other) => other < name && services[other]?.port === port);
  const expected = nodePortOf(port);
  return [
    ...(twin ? [`${name}: the port ${port} is that of ${twin}`] : []),
    ...(nodePort === expected ? [] : [`${name}: its nodePort in values-local.yaml is ${nodePort}, not ${expected}`]),
  ];
}

function findUnknown(name: string, { needs = [], uses = [] }: Entry, services: Record<string, Entry>): string[] {
  const unknown = [...needs, ...uses].filter((callee) => !Object.hasOwn(services, callee));
  return unknown.map((callee) => `${name}: ${callee}, in its needs or uses, is not a service`);
}

function readEntries(root: string, file: string): Record<string, Entry> {
  return parse(readFileSync(join(root, CHART, file), 'utf8'))?.services ?? {};
}

function foldersIn(root: string, dir: string): string[] {
  const entries = readdirSync(join(root, dir), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
