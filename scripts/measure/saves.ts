/** How long a save takes to be served: by a service of the running stand, and by a bare app beside it. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { read, until } from './answers.ts';

const SAVES = 20;

/** Where a service's app begins; the route that is measured is put there. */
export const APP = '= express();';

/** Seconds of each save of a service's app; the file is as it was in the end. */
export async function measureService(service: string, base: string): Promise<number[]> {
  const file = `services/${service}/src/app.ts`;
  const original = readFileSync(file, 'utf8');
  const content = (mark: string) => original.replace(APP, `${APP}\n  ${route(mark)}`);
  return measureSaves(base, content, file).finally(() => writeFileSync(file, original));
}

/** Seconds of each save of an Express app in plain JavaScript, nothing else loaded, under nodemon on this machine. */
export async function measureBareApp(): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bare-'));
  const file = join(folder, 'app.js');
  const port = await freePort();
  const base = `http://localhost:${port}`;
  const content = (mark: string) =>
    `const app = require(${JSON.stringify(resolve('node_modules/express'))})();\n${route(mark)}\napp.listen(${port});\n`;
  writeFileSync(file, content('start'));
  const nodemon = spawn(resolve('node_modules/.bin/nodemon'), ['--quiet', '--delay', '5ms', 'app.js'], { cwd: folder });
  try {
    await until('the bare app starts', async () => (await read(`${base}/bench`)) === 'start');
    return await measureSaves(base, content, file);
  } finally {
    nodemon.kill('SIGINT');
    rmSync(folder, { recursive: true });
  }
}

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
      await sleep(1000);
    }
    return seconds;
  } finally {
    writeFileSync(file, original);
  }
}

const route = (mark: string): string => `app.get('/bench', (_req, res) => { res.send('${mark}'); });`;

/** From each write of `file` until `base`/bench answers with what was written. */
async function measureSaves(base: string, content: (mark: string) => string, file: string): Promise<number[]> {
  const seconds: number[] = [];
  for (let save = 0; save <= SAVES; save++) {
    const mark = `${process.pid}-${save}`;
    const start = performance.now();
    writeFileSync(file, content(mark));
    await until(`save ${save} is served`, async () => (await read(`${base}/bench`)) === mark);
    // The first one fills caches; a person's pause lets the watchers settle.
    if (save > 0) seconds.push((performance.now() - start) / 1000);
    progress(`save ${save} of ${SAVES}`);
    await sleep(1000);
  }
  return seconds;
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}   `);
}
