import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { MINE } from '../../scripts/facts/values.ts';

export const VALUES = 'helm/app/values.yaml';
export const LOCAL_VALUES = 'helm/app/values-local.yaml';

const LEFT_OUT = ['node_modules', '.git', '.stand', 'dist', basename(MINE)];

type Values = { services: Record<string, object> };

/** A copy of the repository, or of some of its folders, to change and to break. */
export class Copy {
  readonly root = mkdtempSync(join(tmpdir(), 'stand-copy-'));
  /** For what runs in it: alone on its machine, it has slot 0. */
  readonly env = { XDG_STATE_HOME: `${this.root}.state` };

  constructor(...paths: string[]) {
    const all = readdirSync('.').filter((path) => !LEFT_OUT.includes(path));
    const filter = (source: string): boolean => !LEFT_OUT.includes(basename(source));
    for (const path of paths.length > 0 ? paths : all)
      cpSync(path, this.at(path), { recursive: true, preserveTimestamps: true, filter });
  }

  at(path: string): string {
    return join(this.root, path);
  }

  /** With what npm has installed. Copied rather than linked, because npm changes what is in there. */
  install(): void {
    execFileSync('cp', ['-a', 'node_modules', this.root]);
    const now = new Date();
    utimesSync(this.at('node_modules/.package-lock.json'), now, now);
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(this.at(file)), { recursive: true });
    writeFileSync(this.at(file), text);
  }

  read(file: string): string {
    return readFileSync(this.at(file), 'utf8');
  }

  /** Changes the services of a values file; its comments get lost. */
  changeServices(file: string, change: (services: Record<string, object>) => void): void {
    const values: Values = { services: {}, ...parse(this.read(file)) };
    change(values.services);
    this.write(file, stringify(values));
  }

  /** Puts other services into a values file; its comments get lost. */
  replaceServices(file: string, services: Record<string, object>): void {
    this.write(file, stringify({ ...parse(this.read(file)), services }));
  }

  remove(path = ''): void {
    rmSync(this.at(path), { recursive: true, force: true });
    if (path === '') rmSync(this.env.XDG_STATE_HOME, { recursive: true, force: true });
  }

  /** Runs a command in the copy; `npm` is a shell script to have in npm's place. */
  run(command: string, args: string[], npm?: string): SpawnSyncReturns<string> {
    const bin = `${this.root}.bin`;
    rmSync(bin, { recursive: true, force: true });
    mkdirSync(bin);
    if (npm !== undefined) writeFileSync(join(bin, 'npm'), `#!/bin/sh\n${npm}\n`, { mode: 0o755 });
    // What this run's own make was given must not reach the copy's.
    const path = `${bin}:${process.env.PATH}`;
    const env = { ...process.env, ...this.env, PATH: path, MAKEFLAGS: '', MAKELEVEL: '', YES: '' };
    return spawnSync(command, args, { cwd: this.root, env, encoding: 'utf8' });
  }

  /** Which files differ from another copy's, what is installed aside; empty when none. */
  differences(other: Copy): string {
    return spawnSync('diff', ['-r', '--exclude=node_modules', other.root, this.root], { encoding: 'utf8' }).stdout;
  }
}
