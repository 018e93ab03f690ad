import { resolve } from 'node:path';
import { type Service, startProcess } from '../../../test/setup/service.ts';

type Script = 'server.ts' | 'database-server.ts' | 'migrate.ts' | 'logger.ts';

/** A script of this folder as a process of its own, run as services run theirs. */
export function startFixture(script: Script, env: Record<string, string>, cwd = '.', ...args: string[]): Service {
  const hook = resolve('services/chassis/typescript.cjs');
  const flags = ['--conditions=source', '--require', hook];
  return startProcess(process.execPath, [...flags, resolve('services/chassis/test', script), ...args], env, cwd);
}
