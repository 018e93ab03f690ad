/** What Tilt builds the images of development from. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

const FOLDER = '.stand/context';
const MANIFESTS = ['package.json', 'package-lock.json'];
const IGNORES = '.dockerignore';

/**
 * Brings a copy of the Node.js services' sources up to date. Images are built from it rather than from the sources, so
 * that Tilt has no reason to build them anew at each save, which goes into the running containers instead.
 * @returns the folder
 */
export function refreshContext(services: string[]): string {
  const ignored = readFileSync(IGNORES, 'utf8').split('\n');
  const folders = ['chassis', ...services].map((name) => `services/${name}`);
  const wanted = [...MANIFESTS, ...folders.flatMap((folder) => filesOf(folder, ignored))];
  const found = existsSync(FOLDER) ? filesOf(FOLDER).map((file) => file.slice(FOLDER.length + 1)) : [];
  for (const file of found.filter((file) => !wanted.includes(file))) rmSync(join(FOLDER, file));
  for (const file of wanted) copy(file, join(FOLDER, file));
  return FOLDER;
}

function filesOf(folder: string, ignored: string[] = []): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !ignored.includes(`**/${name}`));
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesOf(path, ignored) : path;
  });
}

/** Leaves alone what is the same: Tilt would see it change. */
function copy(file: string, target: string): void {
  if (existsSync(target) && readFileSync(target).equals(readFileSync(file))) return;
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(file, target);
}
