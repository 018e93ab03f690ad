/** The packages behind the services: npm's workspaces, and what keeps their sources in form. */
import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { Fault } from '../machine/terminal.ts';

/** What holds whatever npm's settings say. */
const OPTIONS = ['--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
const BIOME = 'node_modules/.bin/biome';

/** Brings package-lock.json and the workspaces' links in node_modules up to date. @throws {Fault} */
export const install = (): void => runQuietly('npm', 'install', ...OPTIONS);

/** Lays sources out as lint wants them, as lines depend on the names in them. All without `paths`. @throws {Fault} */
export const format = (...paths: string[]): void =>
  runQuietly(BIOME, 'check', '--write', '--log-level=error', ...paths);

function runQuietly(program: string, ...args: string[]): void {
  try {
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  } catch {
    throw new Fault(`${basename(program)} ${args[0]} failed`);
  }
}
