import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
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

/** A TypeScript file as a process of its own, in a service's folder, with nothing in its environment but `env`. */
export function startService(
  service: string,
  env: Record<string, string>,
  script = 'src/server.ts',
  ...args: string[]
): Service {
  const flags = ['--conditions=source', '--require', '../chassis/typescript.cjs'];
  const child = spawn(process.execPath, [...flags, script, ...args], {
    cwd: `services/${service}`,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = readLines(child);
  const exited = once(child, 'close');
  return {
    process: child,
    lines,
    url: async () => `http://127.0.0.1:${(await until(() => lines.find(({ msg }) => msg === 'listening'))).port}`,
    exit: async () => (await exited)[0],
  };
}

function readLines({ stdout }: ChildProcess): Line[] {
  const lines: Line[] = [];
  let rest = '';
  stdout?.on('data', (data) => {
    const complete = (rest + data).split('\n');
    rest = complete.pop() ?? '';
    lines.push(...complete.map((line) => JSON.parse(line)));
  });
  return lines;
}
