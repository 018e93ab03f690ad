/**
 * make api-diff [BASE=main]: what the working tree changes in the services' APIs against a git revision, and whom that
 * breaks. Exit code 1 when something breaks that is not announced, and when it can't be told.
 */
import { argument } from '../facts/arguments.ts';
import { run } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';
import { tellApis } from '../services/api-diff.ts';

run(async () => {
  needTools('oasdiff');
  await tellApis(argument('BASE') || 'HEAD');
});
