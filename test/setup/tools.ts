import { spawnSync } from 'node:child_process';

/** Skips the suite that calls this, and says why, where one of these programs is not installed. */
export function needsTools(...tools: string[]): void {
  before(`needs ${tools.join(' and ')}`, function () {
    const missing = tools.filter((tool) => spawnSync(tool, ['-h']).error);
    if (missing.length === 0) return;
    console.log(`    skipped: ${missing.join(' and ')} missing (make tools)`);
    this.skip();
  });
}
