/** A copy of the repository as git knows it: what has been changed there, and back again. */
import type { StandCopy } from '../setup/stand-copy.ts';

export function commit(copy: StandCopy): void {
  git(copy, 'init', '--quiet');
  git(copy, 'add', '--all');
  git(copy, '-c', 'user.name=test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message', 'all');
}

/** The changed files, as git status lists them; empty when there are none. */
export const changes = (copy: StandCopy): string => git(copy, 'status', '--porcelain');

export function restore(copy: StandCopy): void {
  git(copy, 'checkout', '--quiet', '.');
  git(copy, 'clean', '--quiet', '--force', '-d');
}

/** What git lists, a line each. */
export const listed = (copy: StandCopy, ...args: string[]): string[] =>
  git(copy, ...args)
    .split('\n')
    .filter(Boolean);

function git(copy: StandCopy, ...args: string[]): string {
  const { status, stdout, stderr } = copy.run('git', args);
  if (status !== 0) throw new Error(`git ${args[0]} failed: ${stderr}`);
  return stdout;
}
