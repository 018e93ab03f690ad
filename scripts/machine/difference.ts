/** What differs between two texts, shown by git, which every machine of a developer has. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const DIFF = [
  '--no-pager',
  'diff',
  '--no-index',
  '--no-ext-diff',
  '--no-prefix',
  '--ignore-blank-lines',
  '--unified=2',
];

/**
 * Prints a unified diff of two texts, each with the name that it is shown by.
 * @returns whether they differ
 */
export function showDifference(before: [name: string, text: string], after: [name: string, text: string]): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'difference-'));
  try {
    for (const [name, text] of [before, after]) writeFileSync(join(folder, name), `${text}\n`);
    const { status, error } = spawnSync('git', [...DIFF, before[0], after[0]], { cwd: folder, stdio: 'inherit' });
    if (error) throw error;
    return status !== 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
