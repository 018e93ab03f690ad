/**
 * What Tilt's row `diff` runs: make diff at the start and after each change of the chart, or of HEAD. It stays, since it
 * takes longer to start than to tell.
 */
import { Base, findCommit, tell } from '../chart/difference.ts';
import { CHART } from '../facts/values.ts';
import { onChange } from '../host/changes.ts';
import { capture } from '../machine/command.ts';
import { complain, run } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

let base: Base | undefined;
let telling = Promise.resolve();

run(async () => {
  needTools('helm');
  process.env.GOGC = 'off';
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit());
  await findCommit('HEAD');
  const moves = await capture('git', ['rev-parse', '--git-path', 'logs/HEAD']);
  const tellNext = (): void => {
    telling = telling.then(tellChanges).catch(complain);
  };
  tellNext();
  onChange([CHART, moves.trim()], new AbortController().signal, tellNext);
});

async function tellChanges(): Promise<void> {
  if (base?.commit !== (await findCommit('HEAD'))) {
    base?.end();
    base = await Base.at('HEAD');
  }
  await tell(base.compare());
}
