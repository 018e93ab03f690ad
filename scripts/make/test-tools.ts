/** For make test: brings what the tests of the chart and of make api-diff need, where it can be had; without it they are skipped, and the others run. */
import { run, say } from '../machine/terminal.ts';
import { installTools } from '../machine/tools.ts';

run(async () => {
  const failed = await installTools(['helm', 'kubeconform', 'oasdiff']);
  if (failed.length > 0) say(`! Tests that need ${failed.join(' and ')} are skipped.`);
});
