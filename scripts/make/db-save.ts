/** make db-save NAME=before: saves the local database beside itself. Asks before it replaces a save; YES=1 answers. */
import { timeOf, useSaves } from '../database/saves.ts';
import { argument } from '../facts/arguments.ts';
import { confirm, run, say } from '../machine/terminal.ts';

run(() =>
  useSaves(async (saves) => {
    const name = argument('NAME');
    const earlier = await saves.find(name);
    if (earlier && !(await confirm(`Replace the save ${name} of ${timeOf(earlier)}?`))) return;
    await saves.save(name);
    say(`✓ Saved: make db-load NAME=${name} brings it back`);
  }),
);
