/** What went wrong in services, by their lines. */
import { savedAt } from '../../services/chassis/sources.cjs';
import { type Line, Sieve } from '../logs/lines.ts';
import { textOf } from '../logs/printer.ts';
import { sourceOf } from '../logs/source.ts';
import type { Running } from './running.ts';

export interface Errors {
  /** A service's last since its sources are as they are, with all that is told below it. */
  find(name: string): LoggedError | null;
}

export interface LoggedError {
  /** In seconds. */
  age: number;
  text: string;
}

export async function findErrors(running: Running): Promise<Errors> {
  const last = new Map<string, Line[]>();
  const sieve = new Sieve({ level: 'error' });
  const source = await sourceOf(running, []).catch(() => undefined);
  await source?.read(
    (taken) => {
      for (const line of sieve.pass(taken)) if (line.level) keep(line);
    },
    { isBrief: true },
  );
  return {
    find(name) {
      const lines = last.get(name) ?? [];
      const { at = 0 } = lines[0] ?? {};
      if (at < Math.max(1, running.since, savedAt(`services/${name}`))) return null;
      const age = Math.max(0, Math.round((Date.now() - at) / 1000));
      return { age, text: lines.map(({ text }) => textOf(name, text, false)).join('\n') };
    },
  };

  function keep(line: Line): void {
    const before = last.get(line.service);
    if (before?.[0]?.event === line.event) before.push(line);
    else last.set(line.service, [line]);
  }
}

/** The first place in the services' sources that a text names, from the repository's root. */
export function locate(name: string, text: string): string | null {
  const [, folder = name, place] =
    /(?:(?:\.\.|services)\/([\w-]+)\/|(?<![\w./-]))((?:src\/[\w./-]+\.ts|migrations\/[^\s:]+|seed\.sql):\d+)/.exec(
      text,
    ) ?? [];
  return place ? `services/${folder}/${place}` : null;
}
