/**
 * Express as its documentation begins, in plain JavaScript, nothing else loaded, under nodemon: what a save of a service
 * is compared with. On this machine, or in the cluster under a Tilt of its own, in the image of a service.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createNamespace, deleteNamespace, kubectl } from '../cluster/commands.ts';
import { freePorts } from '../cluster/outside.ts';
import type { Mode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { hostPort, nodePortOf } from '../facts/ports.ts';
import { ask } from '../machine/command.ts';
import { read, until } from './answers.ts';
import type { App } from './saves.ts';

const NAME = 'bare';
const NAMESPACE = 'bench';
const BEGINS = '= express();';
const START_MS = 300_000;
/** As for the services. */
const NODEMON = ['--quiet', '--delay', '5ms', 'app.js'];

/** Runs it for as long as `work` takes; in the cluster in the image of the service `like`. Nothing of it is left behind. */
export async function withBareApp<T>(mode: Mode, like: string, work: (app: App) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bare-'));
  const end = new AbortController();
  try {
    const app = await (mode === 'cluster' ? startInCluster(folder, like, end.signal) : startHere(folder, end.signal));
    await until('the bare app starts', async () => (await read(app.url)) !== undefined, START_MS);
    return await work(app);
  } finally {
    end.abort();
    if (mode === 'cluster') await deleteNamespace(NAMESPACE);
    rmSync(folder, { recursive: true });
  }
}

const program = (express: string, port: number): string =>
  `const express = require('${express}');
const app ${BEGINS}
app.get('/', (_req, res) => { res.send('Hello World!'); });
app.listen(${port});
`;

async function startHere(folder: string, signal: AbortSignal): Promise<App> {
  const port = await freePort();
  const file = join(folder, 'app.js');
  writeFileSync(file, program(resolve('node_modules/express'), port));
  endWith(signal, spawn(resolve('node_modules/.bin/nodemon'), NODEMON, { cwd: folder, stdio: 'ignore' }));
  return { name: 'bare app', url: `http://localhost:${port}`, file, begins: BEGINS };
}

async function startInCluster(folder: string, like: string, signal: AbortSignal): Promise<App> {
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
  endWith(signal, spawn('tilt', ['up', ...place, '--stream'], { stdio: 'ignore' }));
  const noticed = (path: string, since: number) => noticedByTilt(Number(tilt), path, since);
  return { name: 'bare app', url: `http://localhost:${hostPort(port)}`, file, begins: BEGINS, noticed };
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

function endWith(signal: AbortSignal, child: ChildProcess): void {
  signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
