/** How long saves take to be served, and where the time goes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseObject } from '../machine/json.ts';
import { Fault } from '../machine/terminal.ts';
import { read, until } from './answers.ts';

/** A pause in which the watchers settle, and what the stand does after a save is done: it waits 3 s for that. */
const PAUSE_MS = 5000;
const ROUTE = '/bench';
/** How an app is made; the route that is measured is put behind it. */
export const BEGINS = '= express();';

/** What comes after what, from a save on. */
export const STAGES = ['noticed', 'copied', 'new process', 'listens', 'served'] as const;
/** In seconds; without those that there are not. */
export type Save = Partial<Record<(typeof STAGES)[number], number>> & { served: number };

/** An Express app whose source is saved again and again. */
export interface App {
  name: string;
  /** Where it answers. */
  url: string;
  /** Its source, which has what `BEGINS` is once. */
  file: string;
  /** When this change of the file was noticed by what copies it, in ms since 1970. */
  noticed?: (file: string, since: number) => Promise<number | undefined>;
}

/**
 * Saves each app in turn, so that whatever else the machine does meets all; their sources are as they were in the end.
 * @throws {Fault} when the signal says so, or a source has the route already
 */
export async function measureInTurn(apps: App[], saves: number, signal: AbortSignal): Promise<Map<App, Save[]>> {
  const originals = apps.map(({ file }) => readFileSync(file, 'utf8'));
  const full = apps.find((_, index) => originals[index]?.includes(ROUTE));
  if (full) throw new Fault(`${full.file} has a route ${ROUTE} already`);
  const measured = new Map<App, Save[]>(apps.map((app) => [app, []]));
  try {
    for (let save = 0; save <= saves; save++) {
      for (const [index, app] of apps.entries()) {
        const result = await measureSave(app, originals[index] ?? '', `${process.pid}-${save}`, signal);
        // The first one fills caches.
        if (save > 0) measured.get(app)?.push(result);
        await sleep(PAUSE_MS);
        signal.throwIfAborted();
      }
      progress(`save ${save} of ${saves}`);
    }
    return measured;
  } finally {
    for (const [index, { file }] of apps.entries()) writeFileSync(file, originals[index] ?? '');
  }
}

/** From the write until the route answers with what was written. */
async function measureSave(app: App, original: string, mark: string, signal: AbortSignal): Promise<Save> {
  const { url, file, noticed } = app;
  const content = original.replace(BEGINS, `${BEGINS}\n${route(mark)}`);
  const [start, since] = [performance.now(), Date.now()];
  writeFileSync(file, content);
  let answer: Record<string, unknown> = {};
  await until(`a save of ${file} is served`, async () => {
    signal.throwIfAborted();
    answer = parseObject((await read(url + ROUTE)) ?? '');
    return answer.mark === mark;
  });
  const served = (performance.now() - start) / 1000;
  const { copied, ...inProcess } = answer.stages as Record<string, number>;
  // Without Tilt, the file that was written is the one that is run.
  const before = noticed ? { noticed: await noticed(file, since), copied } : {};
  const seconds = Object.entries({ ...before, ...inProcess }).flatMap(([stage, at]) =>
    at ? [[stage, (at - since) / 1000]] : [],
  );
  return { ...Object.fromEntries(seconds), served };
}

/** Plain JavaScript, and TypeScript that passes. It is in the app's first turn; the server listens before the second. */
const route = (mark: string): string => `  {
    let listens = 0;
    setImmediate(() => { listens = Date.now(); });
    app.get('${ROUTE}', (_req, res) => {
      const copied = process.getBuiltinModule('node:fs').statSync(__filename).ctimeMs;
      res.json({ mark: '${mark}', stages: { copied, 'new process': performance.timeOrigin, listens } });
    });
  }`;

/** Seconds of `served` after each change of a source, which is as it was in the end. */
export async function whileSaving(file: string, saves: number, served: () => Promise<void>): Promise<number[]> {
  const original = readFileSync(file, 'utf8');
  const seconds: number[] = [];
  try {
    for (let save = 1; save <= saves; save++) {
      const start = performance.now();
      writeFileSync(file, `${original}// save ${process.pid}-${save}\n`);
      await served();
      seconds.push((performance.now() - start) / 1000);
      await sleep(PAUSE_MS);
    }
    return seconds;
  } finally {
    writeFileSync(file, original);
  }
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}   `);
}
