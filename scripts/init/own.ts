/** Makes a clone a team's own: another name, and a small service in the shop's place. All or nothing. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { writeDocuments } from '../chart/reference.ts';
import { readNames } from '../facts/names.ts';
import { Fault } from '../machine/terminal.ts';
import { createService } from '../services/create.ts';
import { readEntries, VALUES } from '../services/list.ts';
import { format, install } from '../services/packages.ts';
import { renameStand, rewrite } from './rename.ts';
import { removeShop, SHOP } from './shop.ts';

/** The template of the service that takes the shop's place; it goes when it has served. */
export const HELLO = 'templates/hello';
const SERVICE = 'hello';

/** The test of make init, and pictures, which show the shop and the old name. */
const PASSING = ['test/services/init.test.ts', 'docs/shop.png', 'docs/tilt.png'];

/** @throws {Fault} when it failed; everything is as before then */
export async function makeOwn(name: string, keepShop: boolean): Promise<void> {
  // Ctrl-C ends npm, but not us before everything is taken back.
  process.on('SIGINT', () => {});
  try {
    writeReadme(keepShop);
    for (const path of PASSING) rmSync(path, { force: true });
    if (!keepShop) removeShop();
    renameStand(readNames().name, name);
    if (keepShop || readEntries(VALUES).has(SERVICE)) install();
    else createService(SERVICE, 'service', 'hello');
    rmSync(HELLO, { recursive: true });
    format();
    await writeDocuments();
  } catch (error) {
    takeBack();
    throw new Fault(`${(error as Error).message}; everything is as before`);
  }
}

/** Takes out the paragraphs about what is gone, and puts the new service into the examples. */
function writeReadme(keepShop: boolean): void {
  const gone = keepShop ? /make init|\.png\)/ : /make init|\.png\)|\bshop\b/;
  const names = `(${SHOP.join('|')})`;
  rewrite('README.md', (text) => {
    const rest = text
      .split('\n\n')
      .filter((paragraph) => !gone.test(paragraph))
      .join('\n\n');
    return keepShop ? rest : rest.replace(new RegExp(`\\b${names}( ${names})*\\b`, 'g'), SERVICE);
  });
}

/** Nothing was uncommitted, so git has it all. */
function takeBack(): void {
  execFileSync('git', ['reset', '--quiet', '--hard']);
  execFileSync('git', ['clean', '--quiet', '--force', '-d']);
}
