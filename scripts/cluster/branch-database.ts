/**
 * Tilt's row `branch database`: makes the database of the git branch, and has the Tiltfile read again when the branch is
 * another one, since Tilt watches nothing in .git.
 *   branch-database.ts DATABASE   the one that the services use; another one has Tilt start this anew
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { findLocalDatabase, loadLocalValues } from '../database/local.ts';
import { BRANCH_MARK, headFile } from '../facts/branch.ts';
import { onChange } from '../host/changes.ts';
import { complain, run, say } from '../machine/terminal.ts';

const RETRY_MS = 1000;
/** Enough for Tilt to start this anew, unless it did not watch yet. */
const ANEW_MS = 20_000;
const [inUse] = process.argv.slice(2);

run(async () => {
  onChange([headFile()], new AbortController().signal, readAgain);
  for (;;) {
    try {
      const values = loadLocalValues();
      const { database } = values.postgresql;
      if (database === inUse) {
        await findLocalDatabase(values);
        return say(`✓ The services' database is ${database}`);
      }
      readAgain();
      await sleep(ANEW_MS);
    } catch (error) {
      complain(error);
      await sleep(RETRY_MS);
    }
  }
});

const readAgain = (): void => writeFileSync(BRANCH_MARK, String(new Date()));
