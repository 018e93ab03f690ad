/** What make package leaves in dist/, by version, and make deploy takes from there. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { CHART } from '../facts/values.ts';
import { capture } from '../machine/command.ts';

const FOLDER = 'dist';
/** https://semver.org, which Helm asks of a chart's version. */
const VERSION = /^\d+\.\d+\.\d+([-+][0-9A-Za-z.-]+)?$/;

export const isVersion = (text: string): boolean => VERSION.test(text);

export interface Package {
  chart: string;
  /** Values that name the images by digest: a tag can be moved, a digest can't. */
  images: string;
}

export const packageOf = (version: string): Package => ({
  chart: `${FOLDER}/app-${version}.tgz`,
  images: `${FOLDER}/images-${version}.yaml`,
});

/** @param digests of the services' images, by service @throws with helm's words */
export async function writePackage(version: string, registry: string, digests: Record<string, string>): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  await capture('helm', ['package', CHART, '--version', version, '--app-version', version, '--destination', FOLDER]);
  const services = Object.entries(digests).map(([name, digest]) => [name, { image: { digest } }]);
  const values = { serviceDefaults: { image: { registry } }, services: Object.fromEntries(services) };
  writeFileSync(packageOf(version).images, stringify(values));
}
