/**
 * What make dev LOCAL=orders has Tilt run: a service on this machine, under nodemon and with its debugger, which the
 * cluster's Service leads to. It is kept alive as in host mode, with what it calls and its database in the cluster.
 *   local.ts [--traces] SERVICE [the services that run, where not all do …]
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { MIGRATIONS } from '../../services/chassis/sources.cjs';
import { localPort } from '../facts/ports.ts';
import { loadValues, sourcesOf } from '../facts/values.ts';
import { onChange, readChanged } from '../host/changes.ts';
import { jaegerTracing } from '../host/jaeger.ts';
import { migrate } from '../host/migrations.ts';
import { announce, withoutLabels } from '../host/output.ts';
import { Service } from '../host/service.ts';
import { type Definition, defineServices } from '../host/services.ts';
import { Fault, run } from '../machine/terminal.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { traces: { type: 'boolean', default: false } },
});
const [name = '', ...selected] = positionals;
const stopping = new AbortController();
const { signal } = stopping;

run(async () => {
  for (const ending of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(ending, () => stopping.abort());
  const stopped = once(signal, 'abort');
  // Tilt names the row.
  withoutLabels();
  let service = new Service(define(), () => {});
  await applyMigrations(service.definition);
  if (signal.aborted) return;
  void service.start();
  const { folder } = service.definition;
  onChange(
    MIGRATIONS.map((file) => `${folder}/${file}`),
    signal,
    async () => {
      const definition = readChanged(define);
      // Or they are another branch's, whose database is taken up below.
      if (definition && service.isAs(definition)) await applyMigrations(definition);
    },
  );
  onChange(sourcesOf('local'), signal, async () => {
    const definition = readChanged(define);
    if (!definition || service.isAs(definition)) return;
    await service.end();
    await applyMigrations(definition);
    service = new Service(definition, () => {});
    if (!signal.aborted) void service.start();
  });
  await stopped;
  await service.end();
});

/** As in host mode, at another port: its own leads into the cluster. */
function define(): Definition {
  const values = loadValues('local', selected);
  const tracing = flags.traces ? jaegerTracing() : values.tracing;
  const found = defineServices({ ...values, tracing }, true).find((it) => it.name === name);
  if (!found) throw new Fault(`${name} is no service that runs`);
  const port = localPort(values.services[name]?.port ?? 0);
  // Tilt shows colours, and is no terminal.
  const env = { ...found.env, ...(!process.env.NO_COLOR && { FORCE_COLOR: '1' }), PORT: String(port) };
  return { ...found, port, env };
}

async function applyMigrations(definition: Definition): Promise<void> {
  const fault = await migrate(definition, signal);
  if (fault) announce(`✗ ${fault}; they run again at the next save`);
}
