/** make db-list: the saves of the local database, the newest first, with time and size, and the databases of git branches. */
import { timeOf, useSaves } from '../database/saves.ts';
import { align, run, say } from '../machine/terminal.ts';

run(() =>
  useSaves(async (saves) => {
    const all = (await saves.list()).map((save) => [save.name, timeOf(save), save.size]);
    const branches = (await saves.listBranches()).map(({ database, size, isUsed }) => [
      database,
      isUsed ? "this branch's" : "a branch's",
      size,
    ]);
    if (all.length === 0) say('There is no save yet: make db-save NAME=before makes one.');
    for (const line of align([...all, ...branches])) console.log(line);
  }),
);
