/** make db-load NAME=before: puts a save in the place of the local database. Asks first; YES=1 answers. */
import { timeOf, useSaves } from '../database/saves.ts';
import { argument } from '../facts/arguments.ts';
import { confirm, run, say } from '../machine/terminal.ts';

run(() =>
  useSaves(async (saves, place) => {
    const save = await saves.get(argument('NAME'));
    if (
      !(await confirm(`Replace all data in ${saves.database} of ${place} by the save ${save.name} of ${timeOf(save)}?`))
    )
      return;
    await saves.load(save);
    say(`✓ Loaded: ${save.name} of ${timeOf(save)}`);
  }),
);
