/** make db-drop NAME=before: deletes a save, or a git branch's database, such as stand.login. Asks first; YES=1 answers. */
import { type Saves, timeOf, useSaves } from '../database/saves.ts';
import { argument } from '../facts/arguments.ts';
import { confirm, Fault, run, say } from '../machine/terminal.ts';

run(() =>
  useSaves(async (saves) => {
    const { databases, words } = await find(saves, argument('NAME'));
    if (!(await confirm(`Delete ${words}?`))) return;
    for (const database of databases) await saves.drop({ database });
    say(`✓ Deleted: ${words}`);
  }),
);

/** @throws {Fault} when there is none, or the services use it */
async function find(saves: Saves, name: string): Promise<{ databases: string[]; words: string }> {
  const branch = (await saves.listBranches()).find(({ database }) => database === name);
  if (branch?.isUsed)
    throw new Fault(`The services use ${name}`, 'git checkout another branch, or make dev without DB.');
  if (branch) {
    const own = await saves.list(name);
    const beside = own.length > 0 ? `, and its saves ${own.map((save) => save.name).join(', ')}` : '';
    return {
      databases: [name, ...own.map(({ database }) => database)],
      words: `the branch's database ${name}${beside}`,
    };
  }
  const save = await saves.get(name);
  return { databases: [save.database], words: `the save ${save.name} of ${timeOf(save)}` };
}
