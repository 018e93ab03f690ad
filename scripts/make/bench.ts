/**
 * make bench [NAME=payments]: what a developer waits for, on the running stand (`make dev` in another terminal). Prints
 *   - save → served: 20 saves of a service's source, seconds from the write to the changed answer, p50 and max, beside
 *     the same for a bare Express app under nodemon on this machine;
 *   - memory: of each service's process, and of the cluster's and the registry's containers where there are any.
 */
import { existsSync, readFileSync } from 'node:fs';
import { argument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { hostPort } from '../facts/ports.ts';
import { loadValues } from '../facts/values.ts';
import { ask } from '../machine/command.ts';
import { Fault, run } from '../machine/terminal.ts';
import { read } from '../measure/answers.ts';
import { median } from '../measure/median.ts';
import { APP, measureBareApp, measureService } from '../measure/saves.ts';

run(async () => {
  const ports = enabledPorts();
  const { service, url } = await chooseService(ports);
  const ours = await measureService(service, url);
  const bare = await measureBareApp();
  report(`save → served, ${service}`, ours);
  report('save → served, bare nodemon', bare);
  console.log(`ratio of the p50s: ${(median(ours) / median(bare)).toFixed(2)}`);
  await reportMemory(ports);
});

function enabledPorts(): Map<string, number> {
  const { services } = loadValues('local');
  return new Map(
    Object.entries(services).flatMap(([name, { enabled, port }]) => (enabled ? [[name, hostPort(port)]] : [])),
  );
}

async function chooseService(ports: Map<string, number>): Promise<{ service: string; url: string }> {
  const service = argument('NAME') || [...ports.keys()].find(isMeasurable);
  const port = ports.get(service ?? '');
  if (!service || !port || !isMeasurable(service))
    throw new Fault(
      service ? `${service} can't be measured` : 'There is no service that can be measured',
      `It takes one that is enabled, with "${APP}" in its src/app.ts.`,
    );
  const url = `http://localhost:${port}`;
  if (!(await read(`${url}/livez`))) throw new Fault(`${service} does not answer at ${url}`, 'Run it: make dev');
  return { service, url };
}

function isMeasurable(service: string): boolean {
  const app = `services/${service}/src/app.ts`;
  return existsSync(app) && readFileSync(app, 'utf8').includes(APP);
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

function report(what: string, seconds: number[]): void {
  const [p50, max] = [median(seconds), Math.max(...seconds)].map((value) => value.toFixed(2));
  console.log(`${what}: p50 ${p50} s, max ${max} s (${seconds.length} saves)`);
}
