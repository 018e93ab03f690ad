/** Whether the chart is valid, asked of nothing but helm and kubeconform: no network, no cluster. */
import { readNames } from '../facts/names.ts';
import { CHART } from '../facts/values.ts';
import { capture } from '../machine/command.ts';

const SCHEMAS = 'helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json';
/** Stands for the image tag that comes with each deployment. */
const TAG = '0.0.0-lint';

/**
 * helm's own checks with a file of values, their schema among them, and then every rendered object against helm/schemas.
 * values.yaml alone does not render on purpose (no image, no database), so it is checked below each environment.
 * @returns what was counted
 * @throws with what is wrong
 */
export async function lintChart(values: string): Promise<string> {
  const { release, namespace } = readNames();
  const settings = ['--values', values, '--set-string', `serviceDefaults.image.tag=${TAG}`];
  await capture('helm', ['lint', '--strict', '--quiet', CHART, ...settings]);
  const manifests = await capture('helm', ['template', release, CHART, '--namespace', namespace, ...settings]);
  return capture('kubeconform', ['-strict', '-summary', '-schema-location', SCHEMAS], manifests);
}
