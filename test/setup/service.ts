import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Line } from './app.ts';
import { until } from './http.ts';

export interface Service {
  process: ChildProcess;
  /** What it has logged so far. */
  lines: Line[];
  url(): Promise<string>;
  /** Its exit code, once it has exited. */
  exit(): Promise<number | null>;
}

type Variables = Record<string, string>;

/** A service as its nodemon.json starts it, with nothing in its environment but `env`. */
export function startService(name: string, env: Variables): Service {
  const { exec } = readJson(`services/${name}/nodemon.json`);
  return startProcess('sh', ['-c', exec], env, `services/${name}`);
}

/** A service's own command that migrates and seeds its part of the database. */
export function startMigration(name: string, env: Variables): Service {
  const { scripts } = readJson(`services/${name}/package.json`);
  return startProcess('sh', ['-c', `${scripts.migrate} --seed`], env, `services/${name}`);
}

/** A program that prints log lines, with nothing in its environment but `env`. Of text a line is a message as it is. */
export function startProcess(program: string, args: string[], env: Variables, cwd: string): Service {
  const child = spawn(program, args, {
    cwd,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = readLines(child, env.LOG_FORMAT === 'text' ? (msg) => ({ msg }) : JSON.parse);
  const exited = once(child, 'close');
  return {
    process: child,
    lines,
    url: async () => `http://127.0.0.1:${(await until(() => lines.find(({ msg }) => msg === 'listening'))).port}`,
    exit: async () => (await exited)[0],
  };
}

function readLines({ stdout }: ChildProcess, parse: (line: string) => Line): Line[] {
  const lines: Line[] = [];
  let rest = '';
  stdout?.on('data', (data) => {
    const complete = (rest + data).split('\n');
    rest = complete.pop() ?? '';
    lines.push(...complete.map((line) => parse(line)));
  });
  return lines;
}

const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
