import { resolve } from 'node:path';
import { type Service, startProcess } from '../../../test/setup/service.ts';

type Script = 'server.ts' | 'api-server.ts' | 'database-server.ts' | 'migrate.ts' | 'logger.ts' | 'events.ts';

/** A script of this folder as a process of its own, run as services run theirs. */
export function startFixture(script: Script, env: Record<string, string>, cwd = '.', ...args: string[]): Service {
  return startProcess(process.execPath, [...fixtureArguments(script), ...args], env, cwd);
}

/** What Node.js runs a script of this folder with. */
export function fixtureArguments(script: Script): string[] {
  const hook = resolve('services/chassis/typescript.cjs');
  return ['--conditions=source', '--require', hook, resolve('services/chassis/test', script)];
}
