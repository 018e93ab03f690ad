/** make remove-service NAME=payments: takes a service out, or what is left of one. Asks first; YES=1 answers. */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import {
  chartFolder,
  checkName,
  findParts,
  folder,
  install,
  readEntries,
  removeEntry,
  VALUES,
  valuesFiles,
} from './list.ts';

async function main(): Promise<void> {
  const { NAME: name = '' } = process.env;
  checkName(name);
  const parts = findParts(name);
  const others = [...readEntries(VALUES).keys()].filter((other) => other !== name);
  if (parts.length === 0) throw new Error(`There is no service ${name}. There are: ${others.sort().join(', ')}`);
  checkNotCalled(name);
  if (!(await confirm(`Delete ${name} from ${parts.join(', ')}? What git does not have of it is lost.`))) return;

  const hasData = readEntries(VALUES).get(name)?.database?.enabled;
  for (const file of valuesFiles()) if (parts.includes(file)) removeEntry(file, name);
  for (const path of [folder(name), chartFolder(name)]) rmSync(path, { recursive: true, force: true });
  install();
  console.log(`✓ ${name} is gone`);
  if (hasData) console.log(`  Its data stays where it is; in psql this deletes it: drop schema "${name}" cascade;`);
}

function checkNotCalled(name: string): void {
  const callers = valuesFiles().flatMap((file) =>
    [...readEntries(file)].flatMap(([caller, { needs = [], uses = [] }]) =>
      caller !== name && [...needs, ...uses].includes(name) ? [`services.${caller} in ${file}`] : [],
    ),
  );
  if (callers.length > 0) throw new Error(`${name} is still named in needs or uses of ${callers.join(' and ')}`);
}

async function confirm(question: string): Promise<boolean> {
  if (process.env.YES === '1') return true;
  if (!process.stdin.isTTY) throw new Error(`${question}\n  There is nobody to ask here; YES=1 answers yes.`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  return /^y/i.test(answer);
}

main().catch((error) => {
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
});
