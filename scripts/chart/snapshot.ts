/** The chart as it is at one moment. */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { CHART } from '../facts/values.ts';

const FOLDER = '.stand/charts';
const KEPT_MS = 86_400_000;

/**
 * Copies the chart into a folder named by its content. Helm, which Tilt runs when the images are built, so installs what
 * those images were built for, whatever was edited meanwhile; and another chart is another command, which Tilt runs anew.
 * @returns the folder
 */
export function snapshotChart(): string {
  mkdirSync(FOLDER, { recursive: true });
  removeOld();
  const copy = mkdtempSync(join(FOLDER, 'new-'));
  cpSync(CHART, copy, { recursive: true });
  const folder = join(FOLDER, digestOf(copy));
  if (existsSync(folder)) rmSync(copy, { recursive: true });
  else renameSync(copy, folder);
  return folder;
}

function removeOld(): void {
  const folders = readdirSync(FOLDER).map((name) => join(FOLDER, name));
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
