/**
 * Express as its documentation begins, in plain JavaScript, nothing else loaded, under nodemon: what a save of a service
 * is compared with. On this machine, or in the cluster under a Tilt of its own, in the image of a service.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createNamespace, deleteNamespace, kubectl } from '../cluster/commands.ts';
import { freePorts } from '../cluster/outside.ts';
import type { Mode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { hostPort, nodePortOf } from '../facts/ports.ts';
import { freePort } from '../host/postgres.ts';
import { ask } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';
import { read, until } from './answers.ts';
import { type App, BEGINS } from './saves.ts';

const NAME = 'bare';
const NAMESPACE = 'bench';
const START_MS = 300_000;
/** What is kept of the output, in characters. */
const MAX_SAID = 2000;
/** As for the services. */
const NODEMON = ['--quiet', '--delay', '5ms', 'app.js'];

/**
 * Runs it for as long as `work` takes; in the cluster in the image of the service `like`. No more than an image of it is
 * left behind. @throws {Fault} with what it said, when it does not start, and when the signal says so
 */
export async function withBareApp<T>(
  mode: Mode,
  like: string,
  signal: AbortSignal,
  work: (app: App) => Promise<T>,
): Promise<T> {
  // As Tilt tells it.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'bare-')));
  let running: Background | undefined;
  try {
    const { app, runner } = await (mode === 'cluster' ? startInCluster(folder, like) : startHere(folder));
    running = runner;
    const answers = async () => {
      signal.throwIfAborted();
      runner.check();
      return (await read(app.url)) !== undefined;
    };
    await until('the bare app starts', answers, START_MS);
    return await work(app);
  } finally {
    await running?.end();
    rmSync(folder, { recursive: true });
    if (mode === 'cluster') await deleteNamespace(NAMESPACE);
  }
}

interface Started {
  app: App;
  runner: Background;
}

const program = (express: string, port: number): string =>
  `const express = require(${JSON.stringify(express)});
const app ${BEGINS}
app.get('/', (_req, res) => { res.send('Hello World!'); });
app.listen(${port});
`;

async function startHere(folder: string): Promise<Started> {
  const port = await freePort();
  const file = join(folder, 'app.js');
  writeFileSync(file, program(resolve('node_modules/express'), port));
  const runner = new Background(resolve('node_modules/.bin/nodemon'), NODEMON, folder);
  return { runner, app: { name: 'bare app', url: `http://localhost:${port}`, file } };
}

async function startInCluster(folder: string, like: string): Promise<Started> {
  await createNamespace(NAMESPACE);
  const [port = 0] = await freePorts(1);
  const sources = join(folder, 'sources');
  mkdirSync(sources);
  const file = join(sources, 'app.js');
  writeFileSync(file, program('express', 3000));
  const image = await kubectl(readNames().namespace, [
    ...['get', 'pods', '--selector', `app.kubernetes.io/name=${like}`],
    ...['--output', 'jsonpath={.items[0].spec.containers[0].image}'],
  ]);
  writeFileSync(join(folder, 'Dockerfile'), dockerfile(image));
  writeFileSync(join(folder, 'objects.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects(port) }));
  writeFileSync(join(folder, 'Tiltfile'), tiltfile());
  const tilt = String(await freePort());
  const place = ['--port', tilt, '--context', readNames().context, '--file', join(folder, 'Tiltfile')];
  const runner = new Background('tilt', ['up', ...place, '--stream'], folder);
  const noticed = (path: string, since: number) => noticedByTilt(Number(tilt), path, since);
  return {
    runner,
    app: { name: 'bare app', url: `http://localhost:${hostPort(port)}`, file, noticed },
  };
}

const dockerfile = (image: string): string => `FROM ${image}
WORKDIR /app/bare
COPY --chown=node:node sources .
ENTRYPOINT ${JSON.stringify(['node', '/app/node_modules/nodemon/bin/nodemon.js', ...NODEMON])}
`;

const tiltfile = (): string => `
analytics_settings(False)
docker_build('${NAME}', '.', live_update=[sync('sources', '/app/bare')])
k8s_yaml('objects.json')
`;

function objects(port: number): object[] {
  const labels = { 'app.kubernetes.io/name': NAME };
  const metadata = { name: NAME, namespace: NAMESPACE };
  const securityContext = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    runAsNonRoot: true,
    runAsUser: 1000,
    seccompProfile: { type: 'RuntimeDefault' },
  };
  const pod = { metadata: { labels }, spec: { containers: [{ name: NAME, image: NAME, securityContext }] } };
  const ports = [{ port: 3000, nodePort: nodePortOf(port) }];
  return [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: { selector: { matchLabels: labels }, template: pod } },
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'NodePort', selector: labels, ports } },
  ];
}

/** When Tilt has seen a change of a file, in ms since 1970; undefined where it tells of none. */
export async function noticedByTilt(port: number, file: string, since: number): Promise<number | undefined> {
  const { ok, stdout } = await ask('tilt', 'get', 'filewatches', '--output', 'json', '--port', String(port));
  if (!ok) return undefined;
  const watches: { status: { fileEvents?: { time: string; seenFiles: string[] }[] } }[] = JSON.parse(stdout).items;
  const path = resolve(file);
  const events = watches.flatMap(({ status }) => status.fileEvents ?? []);
  const times = events.filter(({ seenFiles }) => seenFiles.includes(path)).map(({ time }) => Date.parse(time));
  const later = times.filter((time) => time >= since);
  return later.length > 0 ? Math.min(...later) : undefined;
}

/** A program that runs until it is ended. */
class Background {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #said = '';

  constructor(program: string, args: string[], cwd: string) {
    this.#process = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream?.on('data', (data) => {
        this.#said = (this.#said + data).slice(-MAX_SAID);
      });
    this.#ended = once(this.#process, 'close').catch(() => {});
  }

  /** @throws {Fault} with what it said last, when it has ended */
  check(): void {
    if (this.#process.exitCode !== null) throw new Fault(`The bare app does not start:\n${this.#said.trim()}`);
  }

  async end(): Promise<void> {
    this.#process.kill('SIGINT');
    await this.#ended;
  }
}
