import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const CHASSIS = 'services/chassis';

/** A new folder that has what runs TypeScript in development, and keeps what that keeps. */
export function copyOfHook(): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'hook-')));
  mkdirSync(join(root, CHASSIS), { recursive: true });
  for (const file of readdirSync(CHASSIS).filter((name) => name.endsWith('.cjs')))
    cpSync(join(CHASSIS, file), join(root, CHASSIS, file));
  mkdirSync(join(root, 'node_modules'));
  symlinkSync(resolve('node_modules/@swc'), join(root, 'node_modules/@swc'));
  return root;
}
