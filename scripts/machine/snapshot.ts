/** Folders as they are at one moment. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';

const KEPT_MS = 86_400_000;

/**
 * Fills a folder of `place`, named by its content: what uses it finds it as it is now, whatever is edited meanwhile, and
 * a change has another name. Those that nobody has asked for in a day go.
 * @param fill is given the folder, empty
 * @returns the folder
 */
export function snapshot(place: string, fill: (folder: string) => void): string {
  mkdirSync(place, { recursive: true });
  const copy = mkdtempSync(join(place, 'new-'));
  fill(copy);
  const folder = join(place, digestOf(copy));
  if (existsSync(folder)) rmSync(copy, { recursive: true });
  else renameSync(copy, folder);
  const now = new Date();
  utimesSync(folder, now, now);
  removeOld(place);
  return folder;
}

function removeOld(place: string): void {
  const folders = readdirSync(place).map((name) => join(place, name));
  const isOld = (folder: string): boolean => Date.now() - statSync(folder).mtimeMs > KEPT_MS;
  for (const folder of folders.filter(isOld)) rmSync(folder, { recursive: true });
}

function digestOf(folder: string): string {
  const hash = createHash('sha256');
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  for (const path of paths) {
    const file = join(folder, path);
    hash.update(`${path}\n`);
    if (statSync(file).isFile()) hash.update(readFileSync(file));
  }
  return hash.digest('hex').slice(0, 12);
}
