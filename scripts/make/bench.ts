/**
 * make bench [BENCH_SERVICE=payments]: what a developer waits for, on the running stand (in another terminal
 * `make dev TESTS=0`, since tests would run during every other save).
 * Prints
 *   - save → served: 20 saves of a service's source, and in turn with them as many of a bare Express app in plain
 *     JavaScript under nodemon, where the stand runs: in seconds from the write, by stages, p50 and max;
 *   - memory: of each service's process, and of the cluster's and the registry's containers where there are any.
 */
import { existsSync, readFileSync } from 'node:fs';
import { argument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { hostPort, tiltPort } from '../facts/ports.ts';
import { ask } from '../machine/command.ts';
import { parseObject } from '../machine/json.ts';
import { align, Fault, run } from '../machine/terminal.ts';
import { read } from '../measure/answers.ts';
import { noticedByTilt, withBareApp } from '../measure/bare-app.ts';
import { median } from '../measure/median.ts';
import { type App, BEGINS, measureInTurn, type Save, STAGES } from '../measure/saves.ts';
import { findRunning, type Running } from '../status/running.ts';

const SAVES = 20;

run(async () => {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => interruption.abort(new Fault('Interrupted')));
  const running = await findRunning();
  const ports = enabledPorts(running);
  const service = await chooseService(ports, running);
  const ours = appOf(service, ports.get(service) ?? 0, running);
  const { signal } = interruption;
  const measured = await withBareApp(running.mode, service, signal, (bare) =>
    measureInTurn([ours, bare], SAVES, signal),
  );
  console.log(`\nsave → served, seconds from the write (p50 of ${SAVES} saves each, in turn)\n${tableOf(measured)}`);
  const [a = 0, b = 1] = [...measured.values()].map((saves) => median(saves.map(({ served }) => served)));
  console.log(`ratio of the p50s: ${(a / b).toFixed(2)}\n`);
  await reportMemory(ports);
});

function enabledPorts({ values: { services } }: Running): Map<string, number> {
  const enabled = Object.entries(services).filter(([, { enabled }]) => enabled);
  return new Map(enabled.map(([name, { port }]) => [name, hostPort(port)]));
}

async function chooseService(ports: Map<string, number>, { local }: Running): Promise<string> {
  const candidates = [...ports.keys()].filter((name) => isMeasurable(name) && !local.includes(name));
  const service = argument('BENCH_SERVICE') || candidates[0];
  if (!service || !candidates.includes(service))
    throw new Fault(
      service ? `${service} can't be measured` : 'There is no service that can be measured',
      `It takes one that is enabled, not LOCAL, with "${BEGINS}" in its src/app.ts.`,
    );
  const url = `http://localhost:${ports.get(service)}`;
  const answer = await read(`${url}/livez`);
  if (!answer) throw new Fault(`${service} does not answer at ${url}`, 'Run it: make dev');
  if (!parseObject(answer).sources) throw new Fault(`${service} runs as it was released`, 'make dev runs its sources.');
  return service;
}

function appOf(name: string, port: number, { mode }: Running): App {
  const app = { name, url: `http://localhost:${port}`, file: sourceOf(name) };
  if (mode === 'host') return app;
  return { ...app, noticed: (file, since) => noticedByTilt(tiltPort(), file, since) };
}

const sourceOf = (service: string): string => `services/${service}/src/app.ts`;

function isMeasurable(service: string): boolean {
  const source = sourceOf(service);
  return existsSync(source) && readFileSync(source, 'utf8').includes(BEGINS);
}

/** A line for each app: the median of each stage, and the longest save. */
function tableOf(measured: Map<App, Save[]>): string {
  const rows = [...measured].map(([{ name }, saves]) => {
    const ofStage = (stage: (typeof STAGES)[number]) => saves.flatMap((save) => save[stage] ?? []);
    const medians = STAGES.map((stage) => (ofStage(stage).length > 0 ? median(ofStage(stage)).toFixed(2) : '-'));
    return [name, ...medians, Math.max(...ofStage('served')).toFixed(2)];
  });
  return align([['', ...STAGES, 'max'], ...rows]).join('\n');
}

async function reportMemory(ports: Map<string, number>): Promise<void> {
  for (const [service, port] of ports) {
    const metrics = (await read(`http://localhost:${port}/metrics`)) ?? '';
    const bytes = /^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1];
    if (bytes) console.log(`memory of ${service}: ${Math.round(Number(bytes) / 2 ** 20)} MiB`);
  }
  const { node, registry } = readNames();
  const format = ['--format', '{{.Name}}: {{.MemUsage}}'];
  const { ok, stdout } = await ask('docker', 'stats', '--no-stream', ...format, node, registry.name);
  console.log(ok ? stdout.trim() : '(no cluster here: host mode)');
}
