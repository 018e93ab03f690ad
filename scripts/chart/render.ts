/** The chart as it would be deployed, with a placeholder for what comes with each deployment. */
import { readNames } from '../facts/names.ts';
import { capture } from '../machine/command.ts';

/** helm's arguments for files of values; the tag stands for the one that comes with each deployment. */
export const settingsOf = (files: string[]): string[] => [
  ...files.flatMap((file) => ['--values', file]),
  ...['--set-string', 'serviceDefaults.image.tag=0.0.0-placeholder'],
];

/** The objects as YAML. @throws with helm's words */
export function renderChart(chart: string, files: string[], ...options: string[]): Promise<string> {
  const { release, namespace } = readNames();
  return capture('helm', ['template', release, chart, '--namespace', namespace, ...settingsOf(files), ...options]);
}
