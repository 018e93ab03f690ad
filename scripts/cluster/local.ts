/**
 * What make dev LOCAL=orders has Tilt run: a service on this machine, under nodemon and with its debugger, which the
 * cluster's Service leads to. It is kept alive as in host mode, with what it calls and its database in the cluster.
 *   local.ts [--traces] SERVICE [the services that run, where not all do …]
 */
import { once } from 'node:events';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { hashMigrations, MIGRATIONS } from '../../services/chassis/sources.cjs';
import { localPort } from '../facts/ports.ts';
import { isOfBranch, loadValues, sourcesOf } from '../facts/values.ts';
import { onChange, readChanged } from '../host/changes.ts';
import { jaegerTracing } from '../host/jaeger.ts';
import { migrate } from '../host/migrations.ts';
import { announce, withoutLabels } from '../host/output.ts';
import { Service } from '../host/service.ts';
import { type Definition, defineServices } from '../host/services.ts';
import { Fault, run } from '../machine/terminal.ts';
import { folder } from '../services/folders.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { traces: { type: 'boolean', default: false } },
});
const [name = '', ...selected] = positionals;
const stopping = new AbortController();
const { signal } = stopping;

/** The hash of those that were applied, or failed, last. */
let migrated: string | undefined;
/** Ended by the next change, for which what it waits for may be of no use. */
let attempt = new AbortController();

run(async () => {
  for (const ending of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(ending, () => stopping.abort());
  const stopped = once(signal, 'abort');
  // Tilt names the row.
  withoutLabels();
  let service: Service | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const takeUp = async (): Promise<void> => {
    const definition = readChanged(define);
    if (!definition || signal.aborted) return;
    const isOther = !service?.isAs(definition);
    if (isOther) await service?.end();
    if (isOther || migrated !== hashMigrations(definition.folder)) await applyMigrations(definition);
    if (!isOther || signal.aborted) return;
    service = new Service(definition, () => {});
    void service.start();
  };
  const heed = (): void => {
    attempt.abort();
    attempt = new AbortController();
    last = last.then(takeUp);
  };
  const migrations = MIGRATIONS.map((file) => `${folder(name)}/${file}`);
  onChange([...sourcesOf('local'), ...migrations], signal, heed);
  heed();
  await stopped;
  await service?.end();
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

/** Those of another branch wait for its database, which comes with the values. */
async function applyMigrations(definition: Definition): Promise<void> {
  const hash = hashMigrations(definition.folder);
  let isOurs = false;
  const ending = AbortSignal.any([signal, attempt.signal]);
  const fault = await migrate(definition, ending, () => {
    isOurs = isDeepStrictEqual(readChanged(define), definition) && isOfBranch(loadValues('local'));
    return isOurs;
  });
  if (ending.aborted || !isOurs) return;
  migrated = hash;
  if (fault) announce(`✗ ${fault}; they run again at the next save`);
}
