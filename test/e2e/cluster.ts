/** Mocha's root hooks: a cluster of its own for the whole run, deleted at the end. KEEP=1 uses the one that is there. */
import type { Context } from 'mocha';
import { flagArgument } from '../../scripts/facts/arguments.ts';
import { readNames } from '../../scripts/facts/names.ts';
import { capture, which } from '../../scripts/machine/command.ts';
import { hasContainer } from '../../scripts/machine/engine.ts';
import { browserPath } from '../setup/browser.ts';
import { removeFixture } from './setup.ts';

const TOOLS = ['docker', 'kubectl', 'kind', 'ctlptl', 'tilt', 'helm'];

const kept = flagArgument('KEEP');
let created = false;

export const mochaHooks = {
  async beforeAll(this: Context) {
    const missing = [...TOOLS.filter((tool) => !which(tool)), ...(browserPath() ? [] : ['chromium'])];
    if (missing.length > 0) {
      console.log(`  skipped: ${missing.join(', ')} missing`);
      this.skip();
    }
    if (kept) return;
    if (await hasContainer(readNames().node))
      throw new Error(
        'There is the cluster of slot 0 already. Delete it by make clean in its clone, or test in it: make e2e KEEP=1',
      );
    created = true;
    await capture('make', ['cluster']);
  },
  async afterAll() {
    removeFixture();
    if (created) await capture('make', ['clean', 'YES=1']);
  },
};
