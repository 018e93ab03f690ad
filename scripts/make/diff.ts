/**
 * make diff [ENV=prod] [BASE=main]: what the working tree changes in an environment against a git revision, in words.
 * Without ENV every environment but local. Exit code 0 whether there is a difference or not, 1 when it can't be told.
 */
import { Base, tell } from '../chart/difference.ts';
import { argument } from '../facts/arguments.ts';
import { run } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

run(async () => {
  needTools('helm');
  // Saves a third of helm's time: it does not live long enough to need its garbage collected.
  process.env.GOGC = 'off';
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
  const base = await Base.at(argument('BASE') || 'HEAD');
  await tell(base.compare(argument('ENV')));
});
