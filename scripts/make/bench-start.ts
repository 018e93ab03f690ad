/**
 * make bench-start [SERVICES=10]: times make dev from no cluster until all services are ready, once with the stand's
 * images in Docker's cache, as far as they are, and once without; then what all of it takes of memory, and until when a
 * save in the chassis is served by all. With SERVICES the same again in a copy that has so many, and what each further
 * one adds. Deletes the cluster and Docker's build cache for it; asks first.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { hashSources } from '../../services/chassis/sources.cjs';
import { argument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { hostPort } from '../facts/ports.ts';
import { loadValues } from '../facts/values.ts';
import { capture, perform } from '../machine/command.ts';
import { parseObject } from '../machine/json.ts';
import { confirm, Fault, run } from '../machine/terminal.ts';
import { read, until } from '../measure/answers.ts';
import { inLargerCopy } from '../measure/copy.ts';
import { median } from '../measure/median.ts';
import { whileSaving } from '../measure/saves.ts';

const TIMEOUT_MS = 1_800_000;
const SAVES = 5;
/** A source that all services load. */
const IN_CHASSIS = 'services/chassis/src/health.ts';

interface Figures {
  /** Seconds. */
  start: number;
  /** MiB of the cluster's node, with all that runs in it. */
  memory: number;
}

run(async () => {
  // SERVICES is not meant for the makes that this one runs.
  delete process.env.MAKEFLAGS;
  const { context } = readNames();
  const wanted = readCount(argument('SERVICES'));
  const question = `Delete cluster ${context} with all its data, and all that Docker's builder has cached?`;
  if (!(await confirm(question))) return;
  const before = enabled().length;
  const few = await measure();
  if (wanted === undefined) return;
  // Its ports and its memory are the copy's.
  await perform('make', 'clean', 'YES=1');
  const many = await inLargerCopy(wanted, measure);
  const each = (many.memory - few.memory) / (wanted - before);
  console.log(
    `\n${wanted} services beside ${before}: ${(many.start / few.start).toFixed(2)} times as long to start without`,
  );
  console.log(`images, and ${each.toFixed(0)} MiB for each further one`);
});

/** @throws {Fault} for anything but a number of services that there are not yet */
function readCount(text: string): number | undefined {
  if (text === '') return undefined;
  if (/^\d+$/.test(text) && Number(text) > enabled().length) return Number(text);
  throw new Fault(`SERVICES is how many to measure as well, more than the ${enabled().length} there are, not ${text}`);
}

const enabled = () => Object.entries(loadValues('local').services).filter(([, { enabled }]) => enabled);

/** In the working directory. */
async function measure(): Promise<Figures> {
  await timeStart('with');
  await removeImages();
  let memory = 0;
  const start = await timeStart('without', async () => {
    memory = await measureMemory();
    await reportSaves();
  });
  return { start, memory };
}

/** @param look what to do while all runs @returns seconds */
async function timeStart(cache: 'with' | 'without', look = async () => {}): Promise<number> {
  await perform('make', 'clean', 'YES=1');
  const start = performance.now();
  // A group of its own, to be ended whole as Ctrl-C in a terminal does.
  const dev = spawn('make', ['dev', 'MODE=cluster'], { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
  try {
    await until('all services are ready', areReady, TIMEOUT_MS);
    const seconds = (performance.now() - start) / 1000;
    const what = `${enabled().length} services ready, no cluster, ${cache} images in the cache`;
    console.log(`\nmake dev → ${what}: ${seconds.toFixed(1)} s`);
    await look();
    return seconds;
  } finally {
    await interrupt(dev);
  }
}

async function measureMemory(): Promise<number> {
  const usage = await capture('docker', ['stats', '--no-stream', '--format', '{{.MemUsage}}', readNames().node]);
  const [, number, unit = ''] = /^([\d.]+)(MiB|GiB)/.exec(usage) ?? [];
  const mebibytes = Number(number) * (unit === 'GiB' ? 1024 : 1);
  console.log(`memory of the cluster: ${Math.round(mebibytes)} MiB`);
  return mebibytes;
}

async function reportSaves(): Promise<void> {
  const seconds = await whileSaving(IN_CHASSIS, SAVES, untilServed);
  const [p50, max] = [median(seconds), Math.max(...seconds)].map((value) => value.toFixed(2));
  console.log(`save in the chassis → served by all ${enabled().length}: p50 ${p50} s, max ${max} s (${SAVES} saves)`);
}

/** By all services, of the sources as they are. */
async function untilServed(): Promise<void> {
  const wanted = enabled().map(([name, { port }]) => ({ port, sources: hashSources(`services/${name}`) }));
  for (const { port, sources } of wanted)
    await until('the save is served', async () => {
      const body = await read(`http://localhost:${hostPort(port)}/livez`);
      return parseObject(body ?? '').sources === sources;
    });
}

async function areReady(): Promise<boolean> {
  const bodies = await Promise.all(enabled().map(([, { port }]) => read(`http://localhost:${hostPort(port)}/readyz`)));
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
