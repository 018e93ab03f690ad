/** A service's folders, and what else there is of it. */
import { existsSync } from 'node:fs';
import { CHART } from '../facts/values.ts';
import { readEntries, valuesFiles } from './list.ts';

export const folder = (name: string): string => `services/${name}`;
export const chartFolder = (name: string): string => `${CHART}/templates/${name}`;

/** The one file of a service in the chart, and what is in it. */
export const chartFile = (name: string): [path: string, text: string] => [
  `${chartFolder(name)}/${name}.yaml`,
  `{{- include "app.workload" (dict "root" $ "name" "${name}") }}\n`,
];

/** On the chassis, in TypeScript. */
export const isNode = (name: string): boolean => existsSync(`${folder(name)}/package.json`);

/** Where there is something of the service, whole or not. */
export function findParts(name: string): string[] {
  const folders = [folder(name), chartFolder(name)].filter(existsSync);
  return [...folders, ...valuesFiles().filter((file) => readEntries(file).has(name))];
}
