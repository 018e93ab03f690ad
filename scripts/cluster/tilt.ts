/**
 * What the Tiltfile asks, as JSON, so that it works out nothing by itself:
 *   tilt.ts [--environment staging] [--debug] [--traces] [--tests] [--down] [--local orders …] [--edit orders … --version 1.4.2] [SERVICE …]
 * What is wrong is an answer as well, as `fault`: Tilt would hide the words of a program that fails among its own.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { MIGRATIONS } from '../../services/chassis/sources.cjs';
import { edgesOf } from '../chart/graph.ts';
import { packageOf } from '../chart/package.ts';
import { BRANCH_MARK, hasBranch, hasDatabasePerBranch } from '../facts/branch.ts';
import { CLUSTER_FILE, NAMESPACE_FILE, readNames } from '../facts/names.ts';
import { hostPort, inspectorPort, localPort, otlpPort, tracesPort } from '../facts/ports.ts';
import {
  CHART,
  chartFiles,
  checkLocal,
  isOfBranch,
  loadValues,
  overridesOf,
  type ServiceValues,
  type Values,
} from '../facts/values.ts';
import { upgradeFlags } from '../machine/tools.ts';
import { folder, isNode } from '../services/folders.ts';
import { listTests, testedSources } from '../services/tests.ts';
import { baseImages, buildSecrets, NPMRC } from './images.ts';
import { findHostAddress } from './reach.ts';
import { findReleased, writeReleased } from './released.ts';
import { snapshotChart, snapshotSources } from './snapshots.ts';

interface Settings {
  environment: string;
  /** The services to run; empty for those that the values enable. */
  selected: string[];
  debug: boolean;
  traces: boolean;
  /** The services to run on this machine. */
  local: string[];
  /** The only ones to run from their sources, beside the others as `version` has them; empty for all. */
  edit: string[];
  version: string;
  tests: boolean;
  /** All is to be taken away, whatever the branch is. */
  down: boolean;
}

interface Row {
  name: string;
  /** The repository of its image. */
  image: string;
  /** On localhost. */
  port: number;
  /** On the chassis, in TypeScript under nodemon: its saves go into the running container. */
  isNode: boolean;
  /** The path at which it shows its API; null where it does not. */
  docs: string | null;
  /** Which image Tilt builds; null for none. */
  target: 'dev' | 'prod' | null;
  /** The script that runs it on this machine, with its arguments, where it is one of those; null for a pod. */
  command: string[] | null;
  /** What its image is built from in development; null for one in another language. */
  snapshot: string | null;
  /** What it is made of, as far as Tilt looks for saves there. */
  sources: string[];
  /** Where its debugger is on localhost; null without one. */
  inspector: number | null;
  /** What its row of tests is about; null without one. */
  tests: { services: string[]; deps: string[] } | null;
}

type Services = [name: string, values: ServiceValues][];

const { values, positionals: selected } = parseArgs({
  allowPositionals: true,
  options: {
    environment: { type: 'string', default: 'local' },
    debug: { type: 'boolean', default: false },
    traces: { type: 'boolean', default: false },
    local: { type: 'string', multiple: true, default: [] },
    edit: { type: 'string', multiple: true, default: [] },
    version: { type: 'string', default: '' },
    tests: { type: 'boolean', default: false },
    down: { type: 'boolean', default: false },
  },
});
// Whatever comes of it: Tilt asks again when one of these changes.
const { environment, version } = values;
const released = version ? [...chartFiles('prod'), packageOf(version).images] : [];
const perBranch = environment === 'local' && hasDatabasePerBranch();
const read = new Set([...chartFiles(environment), ...released, ...(perBranch ? branchFiles() : [])]);
const files = [CLUSTER_FILE, NAMESPACE_FILE, NPMRC, ...read];
settledFacts({ ...values, selected })
  .catch(({ message }: Error) => ({ fault: message }))
  .then((answer) => console.log(JSON.stringify({ files, ...answer })));

/**
 * With a database per branch, of one branch: a checkout changes it while they are read, and the snapshots may have
 * another one's migrations. @throws as `facts`, and when there is no branch
 */
async function settledFacts(settings: Settings): Promise<object> {
  for (;;) {
    const values = loadValues(settings.environment, settings.selected);
    const found = await facts(settings, values);
    const isPerBranch = perBranch && values.postgresql.enabled && !settings.down;
    if (!isPerBranch || isOfBranch(values)) return found;
    if (!hasBranch()) throw new Error('There is no git branch, as in a rebase: with DB=branch all waits for one');
  }
}

/** @throws with a sentence when the environment or a service is unknown, or a needed service is off */
async function facts(settings: Settings, { services, postgresql }: Values): Promise<object> {
  const { environment, selected, debug, traces, tests, local, edit, version } = settings;
  const { context, namespace, release } = readNames();
  const chart = snapshotChart();
  const all = Object.entries(services);
  const enabled = all.filter(([, { enabled }]) => enabled);
  checkLocal(local, environment, services);
  const released = findReleased({ edit, local, version, environment }, services);
  const inPods = enabled.filter(([name]) => !local.includes(name));
  const isOfAuth = !perBranch && postgresql.database === postgresql.auth.database;
  const isToBeMade = environment === 'local' && postgresql.enabled && !isOfAuth;
  const built = inPods.filter(([name]) => !released.includes(name));
  const rows = enabled.map(([name, { image, port, apiDocs }]): Row => {
    const isLocal = local.includes(name);
    const isBuilt = built.some(([other]) => other === name);
    const target = isBuilt ? (environment === 'local' ? 'dev' : 'prod') : null;
    const isLive = target === 'dev' && isNode(name);
    const inspector = isLive && debug ? inspectorPort(port) : null;
    const snapshot = isLive ? snapshotSources(name) : null;
    const command = isLocal
      ? ['scripts/cluster/local.ts', ...(traces ? ['--traces'] : []), '--', name, ...selected]
      : null;
    return {
      ...{ name, target, snapshot, inspector, command },
      sources: sourcesOf(name),
      image: image.repository,
      port: hostPort(port),
      isNode: isNode(name),
      // Those as released have production's values.
      docs: apiDocs && !released.includes(name) ? docsOf(name) : null,
      tests: tests && environment === 'local' && !released.includes(name) ? testsOf(name, services) : null,
    };
  });
  return {
    ...{ context, namespace, release, chart },
    baseImages: baseImages(),
    buildSecrets: buildSecrets(),
    npmrc: existsSync(NPMRC) ? NPMRC : null,
    services: rows,
    hasDatabase: postgresql.enabled,
    // The services', where it is not the one that the server begins with, or follows from the git branch.
    branchDatabase: isToBeMade ? postgresql.database : null,
    // Where Jaeger's page is on localhost, and where it takes traces; null without it.
    jaeger: traces ? { page: tracesPort(), otlp: otlpPort() } : null,
    helmFlags: [
      ...overridesOf(environment).map((file) => `--values=${chart}/${relative(CHART, file)}`),
      ...(released.length > 0 ? [`--values=${writeReleased(released, version)}`] : []),
      ...(await upgradeFlags()),
      ...(selected.length > 0 ? selectionFlags(all) : []),
      ...built.flatMap(([name]) => imageFlags(name)),
      ...(isToBeMade ? [`--set-string=postgresql.database=${postgresql.database}`] : []),
      ...(debug && environment === 'local' ? debugFlags(built) : []),
      ...(local.length > 0 ? localFlags(await findHostAddress(), enabled, local) : []),
      ...(showsColours(environment) ? ['--set=serviceDefaults.logColors=true'] : []),
      ...(traces ? [`--set=jaeger.enabled=true,tracing.url=http://localhost:${tracesPort()}`] : []),
    ],
  };
}

/**
 * With a database per branch no migrations: they become another image, whose pod gets its database's name with them, or
 * those of another branch would reach the database of the one before.
 */
function sourcesOf(name: string): string[] {
  const entries = perBranch ? readdirSync(folder(name)).filter((entry) => !MIGRATIONS.includes(entry)) : ['.'];
  return ['package.json', 'package-lock.json', folder('chassis'), ...entries.map((entry) => join(folder(name), entry))];
}

/** What a database per branch follows from. */
function branchFiles(): string[] {
  // Below a file Tilt would watch nothing, and none of the others either.
  const folders = readdirSync('services', { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const migrations = folders.flatMap(({ name }) => MIGRATIONS.map((entry) => join(folder(name), entry)));
  return [BRANCH_MARK, ...migrations];
}

/** They run after a save of the service, and of those that it calls. */
function testsOf(name: string, services: Values['services']): Row['tests'] {
  if (listTests(name).length === 0) return null;
  const callees = edgesOf(services).flatMap(({ caller, callee }) => (caller === name ? callee : []));
  const tested = [name, ...callees.filter((callee) => services[callee]?.enabled && isNode(callee))];
  return { services: tested, deps: testedSources(tested) };
}

function selectionFlags(services: Services): string[] {
  return services.map(([name, { enabled }]) => `--set=services.${name}.enabled=${enabled}`);
}

/** Tilt names the repository, with its registry, and the tag: what the values say of a released image would be in the way. */
const imageFlags = (name: string): string[] =>
  ['registry', 'digest'].map((key) => `--set=services.${name}.image.${key}=`);

function localFlags(address: string, services: Services, local: string[]): string[] {
  return services
    .filter(([name]) => local.includes(name))
    .map(([name, { port }]) => {
      const endpoint = `services.${name}.endpoint`;
      return `--set=${endpoint}.address=${address},${endpoint}.port=${localPort(port)}`;
    });
}

function debugFlags(services: Services): string[] {
  return services.flatMap(([name]) => (isNode(name) ? [`--set=services.${name}.debug=true`] : []));
}

/** Tilt shows the log in a terminal or on its page, and both know colours: https://no-color.org */
const showsColours = (environment: string): boolean => environment === 'local' && !process.env.NO_COLOR;

/** A service in another language need not have a page for people. */
function docsOf(name: string): string | null {
  if (!existsSync(join(folder(name), 'openapi.json'))) return null;
  return isNode(name) ? '/docs' : '/openapi.json';
}
