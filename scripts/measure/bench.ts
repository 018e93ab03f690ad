/**
 * make bench: what a developer waits for. Measures the running stand (`make dev` in another terminal) and prints
 *   - save → served: 20 saves of a gateway source, seconds from the write to the changed answer at :8080, p50 and max,
 *     beside the same for a bare Express app (plain JavaScript, nothing else loaded) under nodemon on this machine;
 *   - memory: of each service's process, and of the cluster's and the registry's containers where there are any.
 * make bench-start times `make dev` from no cluster to the page instead, and deletes the cluster for it (asks first):
 * once with the stand's images in Docker's cache, as far as they are, and once without.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const SAVES = 20;
const TIMEOUT_MS = 60_000;
/** Polling faster slows down on two cores what it measures. */
const POLL_MS = 25;
const PAGE = 'http://localhost:8080';
const SOURCE = resolve('services/gateway/src/app.ts');

async function main(): Promise<void> {
  if (process.argv.includes('start')) {
    await benchStart('with');
    removeImages();
    return benchStart('without');
  }
  if ((await read(`${PAGE}/livez`)) === undefined) throw new Error(`Nothing answers at ${PAGE}: run make dev first`);
  const original = readFileSync(SOURCE, 'utf8');
  const ours = await benchSaves(
    PAGE,
    (mark) => original.replace('= express();', `= express();\n  ${route(mark)}`),
    SOURCE,
  ).finally(() => writeFileSync(SOURCE, original));
  const bare = await benchBareApp();
  report('save → served, the stand', ours);
  report('save → served, bare nodemon', bare);
  console.log(`ratio of the p50s: ${(median(ours) / median(bare)).toFixed(2)}`);
  await reportMemory();
}

const route = (mark: string): string => `app.get('/bench', (_req, res) => { res.send('${mark}'); });`;

/** Seconds from each write of `file` until `base`/bench answers with what was written. */
async function benchSaves(base: string, content: (mark: string) => string, file: string): Promise<number[]> {
  const seconds: number[] = [];
  for (let save = 0; save <= SAVES; save++) {
    const mark = `${process.pid}-${save}`;
    const start = performance.now();
    writeFileSync(file, content(mark));
    await until(async () => (await read(`${base}/bench`)) === mark, `save ${save} was not served`);
    // The first one fills caches; a person's pause lets the watchers settle.
    if (save > 0) seconds.push((performance.now() - start) / 1000);
    progress(`save ${save} of ${SAVES}`);
    await sleep(1000);
  }
  return seconds;
}

async function benchBareApp(): Promise<number[]> {
  const dir = mkdtempSync(join(tmpdir(), 'bare-'));
  const port = await freePort();
  const content = (mark: string) =>
    `const app = require(${JSON.stringify(resolve('node_modules/express'))})();\n${route(mark)}\napp.listen(${port});\n`;
  writeFileSync(join(dir, 'app.js'), content('start'));
  const nodemon = spawn(resolve('node_modules/.bin/nodemon'), ['--quiet', '--delay', '5ms', 'app.js'], { cwd: dir });
  try {
    await until(async () => (await read(`http://localhost:${port}/bench`)) === 'start', 'the bare app did not start');
    return await benchSaves(`http://localhost:${port}`, content, join(dir, 'app.js'));
  } finally {
    nodemon.kill('SIGINT');
    rmSync(dir, { recursive: true });
  }
}

/** Times `make dev` until the page lists products, from no cluster. */
async function benchStart(cache: 'with' | 'without'): Promise<void> {
  execFileSync('make', ['clean'], { stdio: 'inherit' });
  const start = performance.now();
  const dev = spawn('make', ['dev', 'MODE=cluster'], { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  try {
    await until(
      async () => (await read(`${PAGE}/api/catalog/products`))?.includes('priceCents') === true,
      'no page',
      1_800_000,
    );
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`\nmake dev → page, no cluster, ${cache} images in the cache: ${seconds} s`);
  } finally {
    await stop(dev);
  }
}

/** The images that Tilt has built for the stand, and Docker's build cache of them. */
function removeImages(): void {
  const images = execFileSync('docker', ['images', '--quiet', '--filter', 'reference=localhost:5005/stand*'], {
    encoding: 'utf8',
  });
  const ids = [...new Set(images.split('\n').filter(Boolean))];
  if (ids.length > 0) execFileSync('docker', ['rmi', '--force', ...ids]);
  execFileSync('docker', ['builder', 'prune', '--all', '--force']);
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((done) => child.once('exit', done));
  if (child.pid) process.kill(-child.pid, 'SIGINT');
  await ended;
}

async function reportMemory(): Promise<void> {
  for (const port of [8080, 8081, 8082]) {
    const bytes = /^process_resident_memory_bytes (\S+)/m.exec(
      (await read(`http://localhost:${port}/metrics`)) ?? '',
    )?.[1];
    if (bytes) console.log(`memory of :${port}: ${Math.round(Number(bytes) / 2 ** 20)} MiB`);
  }
  try {
    const format = '{{.Name}}: {{.MemUsage}}';
    console.log(
      execFileSync('docker', ['stats', '--no-stream', '--format', format, 'stand-control-plane', 'stand-registry'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim(),
    );
  } catch {
    console.log('(no cluster here: host mode)');
  }
}

function report(what: string, seconds: number[]): void {
  console.log(
    `${what}: p50 ${median(seconds).toFixed(2)} s, max ${Math.max(...seconds).toFixed(2)} s (${seconds.length} saves)`,
  );
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** The body of a 2xx answer, or undefined. */
async function read(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    const body = await answer.text();
    return answer.ok ? body : undefined;
  } catch {
    return undefined;
  }
}

async function until(condition: () => Promise<boolean>, fault: string, timeout = TIMEOUT_MS): Promise<void> {
  for (const end = performance.now() + timeout; !(await condition()); await sleep(POLL_MS)) {
    if (performance.now() > end) throw new Error(fault);
  }
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

main().catch((error) => {
  console.error(`✗ ${error.message}`);
  process.exitCode = 1;
});
