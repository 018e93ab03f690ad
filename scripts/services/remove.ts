/** Takes services out: their folders, their values, and what others use of them. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readNames } from '../facts/names.ts';
import { Fault } from '../machine/terminal.ts';
import { chartFolder, findParts, folder } from './folders.ts';
import { readEntries, removeEntries, VALUES, valuesFiles } from './list.ts';
import { format } from './packages.ts';

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
  forgetContract(name);
  for (const path of [folder(name), chartFolder(name)]) rmSync(path, { recursive: true, force: true });
}

/** What can do without it asks it by no types from now on, so that its own still fit. */
function forgetContract(name: string): void {
  const pattern = new RegExp(`^import type \\{ Api( as \\w+)? \\} from '[./]+/${name}/src/.*';$`, 'm');
  const files = readdirSync('services', { recursive: true, encoding: 'utf8' }).map((path) => `services/${path}`);
  const callers = files.filter((file) => /\/src\/.*\.ts$/.test(file) && pattern.test(readFileSync(file, 'utf8')));
  for (const caller of callers) {
    const text = readFileSync(caller, 'utf8');
    const contracts = (_: string, alias = ' as Api'): string =>
      `import type { Contracts${alias} } from '@${readNames().name}/chassis/client';`;
    writeFileSync(caller, text.replace(pattern, contracts));
  }
  if (callers.length > 0) format(...callers);
}

function othersThan(name: string): string {
  const others = [...readEntries(VALUES).keys()].filter((other) => other !== name);
  return others.length > 0 ? `There are: ${others.sort().join(', ')}` : 'There are none.';
}
