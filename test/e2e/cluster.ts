/** Mocha's root hooks: a cluster of its own for the whole run, deleted at the end. KEEP=1 uses the one that is there. */
import type { Context } from 'mocha';
import { browserPath } from '../setup/browser.ts';
import { missingTools, run, succeeds } from './stand.ts';

let created = false;

export const mochaHooks = {
  beforeAll(this: Context) {
    const missing = [...missingTools(), ...(browserPath() ? [] : ['chromium'])];
    if (missing.length > 0) {
      console.log(`  skipped: ${missing.join(', ')} missing`);
      this.skip();
    }
    if (process.env.KEEP === '1') return;
    if (succeeds('docker', 'inspect', 'stand-control-plane'))
      throw new Error('There is a cluster already. Delete it with make clean, or test in it with KEEP=1');
    created = true;
    run('make', 'cluster');
  },
  afterAll() {
    if (created) run('make', 'clean');
  },
};
