/** A copy of the repository with more services, for what is measured by their number. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { loadValues } from '../facts/values.ts';
import { capture } from '../machine/command.ts';

const LEFT_OUT = ['node_modules', '.git', '.stand', 'dist'];

/** Works in a copy that has so many services, every third new one with tables, and deletes its cluster. @throws with make's words */
export async function inLargerCopy<T>(count: number, work: () => Promise<T>): Promise<T> {
  const here = process.cwd();
  const root = mkdtempSync(join(tmpdir(), 'larger-'));
  try {
    cpSync(here, root, { recursive: true, filter: (path) => !LEFT_OUT.includes(basename(path)) });
    process.chdir(root);
    for (let next = 1; Object.keys(loadValues('local').services).length < count; next++)
      await capture('make', ['new-service', `NAME=further-${next}`, `DATABASE=${next % 3 === 0 ? 1 : 0}`]);
    return await work().finally(() => capture('make', ['clean', 'YES=1']));
  } finally {
    process.chdir(here);
    rmSync(root, { recursive: true });
  }
}
