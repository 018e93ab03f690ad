/**
 * make bench-start: times make dev from no cluster until all services are ready, once with the stand's images in
 * Docker's cache, as far as they are, and once without. Deletes the cluster and Docker's build cache for it; asks first.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readNames } from '../facts/names.ts';
import { loadValues } from '../facts/values.ts';
import { capture, perform } from '../machine/command.ts';
import { confirm, run } from '../machine/terminal.ts';
import { read, until } from '../measure/answers.ts';

const TIMEOUT_MS = 1_800_000;

run(async () => {
  const { context } = readNames();
  const question = `Delete cluster ${context} with all its data, and all that Docker's builder has cached?`;
  if (!(await confirm(question))) return;
  await timeStart('with');
  await removeImages();
  await timeStart('without');
});

async function timeStart(cache: 'with' | 'without'): Promise<void> {
  await perform('make', 'clean', 'YES=1');
  const start = performance.now();
  // A group of its own, to be ended whole as Ctrl-C in a terminal does.
  const dev = spawn('make', ['dev', 'MODE=cluster'], { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  try {
    await until('all services are ready', areReady, TIMEOUT_MS);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`\nmake dev → all services ready, no cluster, ${cache} images in the cache: ${seconds} s`);
  } finally {
    await interrupt(dev);
  }
}

async function areReady(): Promise<boolean> {
  const enabled = Object.values(loadValues('local').services).filter(({ enabled }) => enabled);
  const bodies = await Promise.all(enabled.map(({ port }) => read(`http://localhost:${port}/readyz`)));
  return bodies.every((body) => body !== undefined);
}

/** The images that Tilt has built for the stand, and Docker's build cache of them. */
async function removeImages(): Promise<void> {
  const { name, registry } = readNames();
  const reference = `reference=${registry.address}/${name}*`;
  const images = await capture('docker', ['images', '--quiet', '--filter', reference]);
  const ids = [...new Set(images.split('\n').filter(Boolean))];
  if (ids.length > 0) await capture('docker', ['rmi', '--force', ...ids]);
  await capture('docker', ['builder', 'prune', '--all', '--force']);
}

async function interrupt(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const ended = new Promise((done) => child.once('exit', done));
  if (child.pid) process.kill(-child.pid, 'SIGINT');
  await ended;
}
