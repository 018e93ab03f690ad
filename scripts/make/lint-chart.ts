/** make lint-chart: is the chart valid in every environment? */
import { lintChart } from '../chart/lint.ts';
import { environments, overridesOf } from '../facts/values.ts';
import { complain, Fault, run, say } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

run(async () => {
  needTools('helm', 'kubeconform');
  const invalid: string[] = [];
  for (const environment of environments()) {
    const files = overridesOf(environment).join(' ');
    say(`— ${files}`);
    await lintChart(environment).then(say, (error) => {
      complain(error);
      invalid.push(files);
    });
  }
  if (invalid.length > 0) throw new Fault(`${invalid.length} not valid: ${invalid.join(', ')}`);
  say('✓ the chart is valid in every environment');
});
