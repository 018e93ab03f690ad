/** make lint-chart: is the chart valid in every environment? */
import { lintChart } from '../chart/lint.ts';
import { environments, valuesFile } from '../facts/values.ts';
import { complain, Fault, run, say } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

run(async () => {
  needTools('helm', 'kubeconform');
  const files = environments().map(valuesFile);
  const invalid: string[] = [];
  for (const file of files) {
    say(`— ${file}`);
    await lintChart(file).then(say, (error) => {
      complain(error);
      invalid.push(file);
    });
  }
  if (invalid.length > 0) throw new Fault(`${invalid.length} not valid: ${invalid.join(' ')}`);
  say('✓ the chart is valid in every environment');
});
