/** A copy of the repository as git knows it: what has been changed there, and back again. */
import type { Copy } from '../setup/copy.ts';

export function commit(copy: Copy): void {
  git(copy, 'init', '--quiet');
  git(copy, 'add', '--all');
  git(copy, '-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', 'all');
}

/** The changed files, as git status lists them; empty when there are none. */
export const changes = (copy: Copy): string => git(copy, 'status', '--porcelain');

export function restore(copy: Copy): void {
  git(copy, 'checkout', '--quiet', '.');
  git(copy, 'clean', '--quiet', '--force', '-d');
}

/** What git lists, a line each. */
export const listed = (copy: Copy, ...args: string[]): string[] =>
  git(copy, ...args)
    .split('\n')
    .filter(Boolean);

function git(copy: Copy, ...args: string[]): string {
  const { status, stdout, stderr } = copy.run('git', args);
  if (status !== 0) throw new Error(`git ${args[0]} failed: ${stderr}`);
  return stdout;
}
