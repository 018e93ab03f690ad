/** Gives the stand another name, in the text and the path of every file that git tracks. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export const trackedFiles = (): string[] =>
  execFileSync('git', ['ls-files', '-z'], { encoding: 'utf8' }).split('\0').filter(existsSync);

/** A text with one name for another; 'the stand', as prose calls it, becomes the bare name as well. */
export function renamed(text: string, from: string, to: string): string {
  const capital = to.charAt(0).toUpperCase() + to.slice(1);
  return text.replace(new RegExp(`\\b(?:the\\s)?${from}\\b`, 'gi'), (found) => (/^[A-Z]/.test(found) ? capital : to));
}

/** The paths that files would get and that are taken. */
export const findCollisions = (from: string, to: string): string[] =>
  trackedFiles()
    .map((file) => ({ file, path: renamed(file, from, to) }))
    .filter(({ file, path }) => path !== file && existsSync(path))
    .map(({ path }) => path);

export function renameStand(from: string, to: string): void {
  for (const file of trackedFiles()) {
    // Pictures and the like have NUL characters, texts have none.
    if (!readFileSync(file).includes(0)) rewrite(file, (text) => renamed(text, from, to));
    move(file, renamed(file, from, to));
  }
}

/** What stays as it was keeps its date. */
export function rewrite(file: string, change: (text: string) => string): void {
  const text = readFileSync(file, 'utf8');
  const changed = change(text);
  if (changed !== text) writeFileSync(file, changed);
}

function move(file: string, path: string): void {
  if (path === file) return;
  mkdirSync(dirname(path), { recursive: true });
  renameSync(file, path);
}
