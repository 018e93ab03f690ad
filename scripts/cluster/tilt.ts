/**
 * What the Tiltfile asks, as JSON, so that it works out nothing by itself:
 *   tilt.ts [--environment staging] [--debug] [--traces] [SERVICE …]
 * What is wrong is an answer as well, as `fault`: Tilt would hide the words of a program that fails among its own.
 */
import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { CLUSTER_FILE, NAMESPACE_FILE, readNames } from '../facts/names.ts';
import { inspectorPort, TRACES_PORT } from '../facts/ports.ts';
import { CHART, loadValues, type ServiceValues, valuesFile } from '../facts/values.ts';
import { upgradeFlags } from '../machine/tools.ts';
import { baseImages, buildSecrets, NPMRC } from './images.ts';
import { snapshotChart, snapshotSources } from './snapshots.ts';

interface Settings {
  environment: string;
  /** The services to run; empty for those that the values enable. */
  selected: string[];
  debug: boolean;
  traces: boolean;
}

interface Row {
  name: string;
  /** The repository of its image. */
  image: string;
  port: number;
  /** On the chassis, in TypeScript under nodemon: its saves go into the running container. */
  isNode: boolean;
  /** What its image is built from in development; null for one in another language. */
  sources: string | null;
  /** Where its debugger is on localhost; null without one. */
  inspector: number | null;
}

type Services = [name: string, values: ServiceValues][];

const { values, positionals: selected } = parseArgs({
  allowPositionals: true,
  options: {
    environment: { type: 'string', default: 'local' },
    debug: { type: 'boolean', default: false },
    traces: { type: 'boolean', default: false },
  },
});
// Whatever comes of it: Tilt asks again when one of these changes.
const files = [CLUSTER_FILE, NAMESPACE_FILE, CHART, NPMRC];
facts({ ...values, selected })
  .catch(({ message }: Error) => ({ fault: message }))
  .then((answer) => console.log(JSON.stringify({ files, ...answer })));

/** @throws with a sentence when the environment or a service is unknown, or a needed service is off */
async function facts({ environment, selected, debug, traces }: Settings): Promise<object> {
  const { context, namespace, release } = readNames();
  const chart = snapshotChart();
  const { services, postgresql } = loadValues(environment, selected);
  const all = Object.entries(services);
  const enabled = all.filter(([, { enabled }]) => enabled);
  return {
    ...{ context, namespace, release, chart },
    baseImages: baseImages(),
    buildSecrets: buildSecrets(),
    npmrc: existsSync(NPMRC) ? NPMRC : null,
    services: enabled.map(([name, { image, port }]): Row => {
      const inspector = debug && isNode(name) ? inspectorPort(port) : null;
      const sources = environment === 'local' && isNode(name) ? snapshotSources(name) : null;
      return { name, image: image.repository, port, isNode: isNode(name), sources, inspector };
    }),
    hasDatabase: postgresql.enabled,
    // Where Jaeger's page is on localhost; null without it.
    tracesPort: traces ? TRACES_PORT : null,
    helmFlags: [
      `--values=${chart}/${relative(CHART, valuesFile(environment))}`,
      ...(await upgradeFlags()),
      ...(selected.length > 0 ? selectionFlags(all) : []),
      ...enabled.flatMap(([name]) => imageFlags(name)),
      ...(debug ? debugFlags(enabled) : []),
      ...(showsColours(environment) ? ['--set=serviceDefaults.logColors=true'] : []),
      ...(traces ? [`--set=jaeger.enabled=true,tracing.url=http://localhost:${TRACES_PORT}`] : []),
    ],
  };
}

function selectionFlags(services: Services): string[] {
  return services.map(([name, { enabled }]) => `--set=services.${name}.enabled=${enabled}`);
}

/** Tilt names the repository, with its registry, and the tag: what the values say of a released image would be in the way. */
const imageFlags = (name: string): string[] =>
  ['registry', 'digest'].map((key) => `--set=services.${name}.image.${key}=`);

function debugFlags(services: Services): string[] {
  return services.flatMap(([name]) => (isNode(name) ? [`--set=services.${name}.debug=true`] : []));
}

/** Tilt shows the log in a terminal or on its page, and both know colours: https://no-color.org */
const showsColours = (environment: string): boolean => environment === 'local' && !process.env.NO_COLOR;

function isNode(service: string): boolean {
  return existsSync(`services/${service}/package.json`);
}
