/** What a suite can't do without: it is skipped, and says why, where that is missing. */
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { which } from '../../scripts/machine/command.ts';
import { browserPath } from './browser.ts';

/** Tools that make tools installs. */
export const needsTools = (...tools: string[]): void => needs('make tools', tools, isOnPath);

/** Another program. */
export const needsProgram = (program: string): void => needs('not on PATH', [program], isOnPath);

/** A browser, to look at pages with. */
export const needsBrowser = (): void => needs('not found', ['chromium'], () => browserPath() !== undefined);

/** Services, of which a team may remove any. */
export const needsServices = (...services: string[]): void =>
  needs('removed', services, (service) => existsSync(`services/${service}`));

/** Whether this machine has localhost in IPv6, too; containers have it seldom. */
export const hasIPv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

function needs(remark: string, all: string[], isThere: (one: string) => boolean): void {
  before(`needs ${all.join(' and ')}`, function () {
    const missing = all.filter((one) => !isThere(one));
    if (missing.length === 0) return;
    console.log(`    skipped: ${missing.join(' and ')} missing (${remark})`);
    this.skip();
  });
}

const isOnPath = (program: string): boolean => which(program) !== undefined;
