/** Takes services out: their folders, their values, and what others use of them. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readNames } from '../facts/names.ts';
import { rewrite } from '../init/rename.ts';
import { Fault } from '../machine/terminal.ts';
import { chartFolder, findParts, folder } from './folders.ts';
import { readEntries, removeEntries, VALUES, valuesFiles } from './list.ts';

/** Where there is something of a service that may go. @throws {Fault} when there is nothing, or others need it */
export function removableParts(name: string): string[] {
  const parts = findParts(name);
  if (parts.length === 0) throw new Fault(`There is no service ${name}. ${othersThan(name)}`);
  const callers = callersOf(name, 'needs');
  if (callers.length > 0) throw new Fault(`${name} is still named in needs of ${callers.join(' and ')}`);
  return parts;
}

/** The entries that name a service, such as 'services.web in helm/app/values.yaml'; those of `others` don't count. */
export function callersOf(name: string, kind: 'needs' | 'uses', others = [name]): string[] {
  return valuesFiles().flatMap((file) =>
    [...readEntries(file)].flatMap(([caller, entry]) =>
      !others.includes(caller) && entry[kind]?.includes(name) ? [`services.${caller} in ${file}`] : [],
    ),
  );
}

/** Leaves the links in node_modules to npm. @throws {Fault} */
export function takeOut(name: string): void {
  removeEntries(name);
  for (const path of [folder(name), chartFolder(name)]) rmSync(path, { recursive: true, force: true });
  forgetContract(name);
}

/** What can do without it asks it by no types from now on, so that its own still fit. */
function forgetContract(name: string): void {
  const pattern = new RegExp(`^import type \\{ Api( as \\w+)? \\} from '[./]+/${name}/src/.*';$`, 'gm');
  const contracts = (_: string, alias = ' as Api'): string =>
    `import type { Contracts${alias} } from '@${readNames().name}/chassis/client';`;
  const entries = readdirSync('services', { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((entry) => entry.isFile() && entry.name.endsWith('.ts')))
    rewrite(join(entry.parentPath, entry.name), (text) => text.replace(pattern, contracts));
}

function othersThan(name: string): string {
  const others = [...readEntries(VALUES).keys()].filter((other) => other !== name);
  return others.length > 0 ? `There are: ${others.sort().join(', ')}` : 'There are none.';
}
