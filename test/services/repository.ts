/** A copy of the repository as git knows it: what has been changed there, and back again. */
import type { Copy } from '../setup/copy.ts';

export function commit(copy: Copy): void {
  git(copy, 'init', '--quiet');
  git(copy, 'add', '--all');
  git(copy, '-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', 'all');
}

/** The changed files, as git status lists them; empty when there are none. */
export const changes = (copy: Copy): string => git(copy, 'status', '--porcelain');

/** Takes all back to a commit. */
export function restore(copy: Copy, to = 'HEAD'): void {
  git(copy, 'reset', '--quiet', '--hard', to);
  git(copy, 'clean', '--quiet', '--force', '-d');
}

export const trackedFiles = (copy: Copy): string[] => git(copy, 'ls-files').split('\n').filter(Boolean);

function git(copy: Copy, ...args: string[]): string {
  const { status, stdout, stderr } = copy.run('git', args);
  if (status !== 0) throw new Error(`git ${args[0]} failed: ${stderr}`);
  return stdout;
}
