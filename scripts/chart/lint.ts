/** Whether the chart is valid, asked of nothing but helm and kubeconform: no network, no cluster. */
import { CHART, overridesOf } from '../facts/values.ts';
import { capture } from '../machine/command.ts';
import { renderChart, settingsOf } from './render.ts';

const SCHEMAS = 'helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json';

/**
 * helm's own checks with an environment's values, their schema among them, and then every rendered object against
 * helm/schemas. values.yaml alone does not render on purpose (no image, no database), so it is checked below each.
 * @returns what was counted
 * @throws with what is wrong
 */
export async function lintChart(environment: string): Promise<string> {
  const files = overridesOf(environment);
  await capture('helm', ['lint', '--strict', '--quiet', CHART, ...settingsOf(files)]);
  const manifests = await renderChart(CHART, files);
  return capture('kubeconform', ['-strict', '-summary', '-schema-location', SCHEMAS], manifests);
}
