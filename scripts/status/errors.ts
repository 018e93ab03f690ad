/** What went wrong in services, by their lines. */
import { type Line, Sieve } from '../logs/lines.ts';
import { textOf } from '../logs/printer.ts';
import { sourceOf } from '../logs/source.ts';
import type { Running } from './running.ts';

/** How long an error is news of a service that does not tell since when it runs, in seconds. */
const RECENT_S = 600;

export interface Errors {
  /** The last of a service that is not older than its process, with all that is told below it. */
  since(name: string, age: number | null): string | null;
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
    since(name, age) {
      const lines = last.get(name) ?? [];
      const start = Date.now() - (age ?? RECENT_S) * 1000;
      if (!lines[0] || lines[0].at < start) return null;
      return lines.map(({ text }) => textOf(name, text, false)).join('\n');
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
    /(?:(?:\.\.|services)\/([\w-]+)\/|(?<![\w./-]))src\/([\w./-]+\.ts:\d+)/.exec(text) ?? [];
  return place ? `services/${folder}/src/${place}` : null;
}
