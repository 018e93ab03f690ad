/**
 * What make dev EDIT=… VERSION=… leaves alone: the services that run from the digests of make package, by production's
 * settings, beside those that are edited.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { packageOf } from '../chart/package.ts';
import { entriesOf, loadDefaults, loadValues, merge, type Values } from '../facts/values.ts';
import { snapshot } from '../machine/snapshot.ts';
import { Fault } from '../machine/terminal.ts';

const EXAMPLE = 'make dev EDIT=orders VERSION=1.4.2';

interface Images {
  serviceDefaults: { image: { registry: string } };
  services: Record<string, { image: { digest: string } }>;
}

export interface Choice {
  /** Services that run from their sources in pods, and on this machine. */
  edit: string[];
  local: string[];
  /** As which the others run. */
  version: string;
  environment: string;
}

/**
 * The names of the enabled services that run as released: none without EDIT and VERSION.
 * @throws {Fault} when one of these is missing, or names what is not there
 */
export function findReleased({ edit, local, version, environment }: Choice, services: Values['services']): string[] {
  if (edit.length === 0 && !version) return [];
  if (environment !== 'local')
    throw new Fault(`EDIT is about sources, and ENV=${environment} runs what is released`, 'Leave one of them out.');
  if (!version) throw new Fault('VERSION is missing', `It says as which the others run: ${EXAMPLE}`);
  const edited = [...edit, ...local];
  if (edited.length === 0) throw new Fault('EDIT is missing', `It says what runs from its sources: ${EXAMPLE}`);
  const running = Object.keys(services).filter((name) => services[name]?.enabled);
  const other = edited.find((name) => !running.includes(name));
  if (other) throw new Fault(`EDIT names ${other}, which does not run. There are: ${running.sort().join(', ')}.`);
  const released = running.filter((name) => !edited.includes(name));
  const images = readImages(version);
  const missing = released.filter((name) => !images.services[name]);
  if (missing.length === 0) return released;
  throw new Fault(
    `${packageOf(version).images} has no image of ${missing.join(', ')}`,
    `Name it in EDIT too, or build it: make package VERSION=${version}`,
  );
}

/**
 * The values of these services, for a release of the local environment: those of the chart, which are production's, where
 * it runs there with as much; but within reach of localhost, and with what is said locally of one by its name.
 * @returns the file
 */
export function writeReleased(names: string[], version: string): string {
  const { serviceDefaults, services } = readImages(version);
  const [shipped, local, production] = [loadDefaults(), loadValues('local'), loadValues('prod')].map(
    (values) => values.services as unknown as Record<string, Record<string, unknown>>,
  );
  const entries = entriesOf('local');
  const valuesOf = (name: string): unknown => {
    const { enabled, service, managementPort, database, imagePullSecrets } = local?.[name] ?? {};
    const resources = production?.[name]?.resources;
    const here = { enabled, service, managementPort, database, imagePullSecrets, resources };
    const image = { ...serviceDefaults.image, ...services[name]?.image, tag: '' };
    return [here, entries[name], { image }].reduce(merge, shipped?.[name]);
  };
  const values = { services: Object.fromEntries(names.map((name) => [name, valuesOf(name)])) };
  const folder = snapshot('.stand/released', (to) => writeFileSync(join(to, 'values.yaml'), stringify(values)));
  return join(folder, 'values.yaml');
}

/** @throws {Fault} when make package has not made it here */
function readImages(version: string): Images {
  const { images } = packageOf(version);
  if (!existsSync(images)) throw new Fault(`${images} is missing`, `Build it with: make package VERSION=${version}`);
  return parse(readFileSync(images, 'utf8'));
}
