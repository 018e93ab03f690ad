/** A Helm release in a cluster, wherever that is, and what make deploy does to it. */
import { parseAllDocuments } from 'yaml';
import { ask, capture } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';
import { upgradeFlags } from '../machine/tools.ts';

export interface Release {
  name: string;
  namespace: string;
  /** The kube context of its cluster. */
  context: string;
}

export interface Content {
  /** The chart's folder or archive. */
  chart: string;
  /** Files, the last one wins. */
  values: string[];
}

const LOG_LINES = 5;

/** helm's arguments that say where. */
export const whereOf = ({ context, namespace }: Release): string[] => [
  ...['--kube-context', context],
  ...['--namespace', namespace],
];

const helm = (release: Release, ...args: string[]): Promise<string> => capture('helm', [...args, ...whereOf(release)]);

const kubectl = ({ context, namespace }: Release, ...args: string[]): Promise<string> =>
  capture('kubectl', ['--context', context, '--namespace', namespace, ...args]);

/** @throws {Fault} when the context, its cluster or the namespace is not there */
export async function checkPlace({ context, namespace }: Release): Promise<void> {
  const { stdout: contexts } = await ask('kubectl', 'config', 'get-contexts', '--output', 'name');
  if (!contexts.split('\n').includes(context))
    throw new Fault(`There is no kube context ${context}`, 'kubectl config get-contexts lists them.');
  const readiness = await ask('kubectl', '--context', context, 'get', '--raw', '/readyz', '--request-timeout', '10s');
  if (!readiness.ok) throw new Fault(`The cluster of ${context} does not answer`, readiness.stderr.trim());
  if (!(await ask('kubectl', '--context', context, 'get', 'namespace', namespace)).ok)
    throw new Fault(
      `There is no namespace ${namespace} in ${context}`,
      'docs/operations.md says what an installation needs.',
    );
}

/** The objects that it has now, as YAML; undefined when it isn't there. */
export async function readLive(release: Release): Promise<string | undefined> {
  const { ok, stdout } = await ask('helm', 'get', 'manifest', release.name, ...whereOf(release));
  return ok ? stdout.trim() : undefined;
}

export async function isDeployed(release: Release): Promise<boolean> {
  const { ok, stdout } = await ask('helm', 'status', release.name, '--output', 'json', ...whereOf(release));
  return ok && JSON.parse(stdout).info.status === 'deployed';
}

/** The objects that it would have, as YAML. @throws with helm's words */
export const render = (release: Release, { chart, values }: Content): Promise<string> =>
  helm(release, 'template', release.name, chart, ...valuesOf(values), '--no-hooks');

/** 'Deployment payments' for each object. */
export function listObjects(manifest: string): string[] {
  return parseAllDocuments(manifest).flatMap((document) => {
    const object = document.toJS();
    return object ? [`${object.kind} ${object.metadata.name}`] : [];
  });
}

/** Installs or upgrades, and waits until all is ready. @throws with helm's words */
export async function upgrade(release: Release, { chart, values }: Content, timeout: string): Promise<string> {
  return helm(
    release,
    ...['upgrade', '--install', release.name, chart, ...valuesOf(values), ...(await upgradeFlags())],
    ...['--history-max', '20', '--wait', '--timeout', timeout],
  );
}

/** @throws with helm's words */
export const test = (release: Release): Promise<string> => helm(release, 'test', release.name);

interface Pod {
  metadata: { name: string };
  status: { phase: string; containerStatuses?: { ready: boolean }[] };
}

/** Each pod that is not ready, with the end of its logs. */
export async function findUnready(release: Release): Promise<string[]> {
  const selector = `app.kubernetes.io/instance=${release.name}`;
  const { items } = JSON.parse(await kubectl(release, 'get', 'pods', '--selector', selector, '--output', 'json'));
  const unready = (items as Pod[]).filter(({ status }) => !isReady(status));
  return Promise.all(
    unready.map(async ({ metadata: { name } }) => {
      const tail = ['--all-containers', '--tail', String(LOG_LINES)];
      const log = await kubectl(release, 'logs', name, ...tail).catch(() => '');
      return [
        name,
        ...log
          .split('\n')
          .filter(Boolean)
          .map((line) => `  ${line}`),
      ].join('\n');
    }),
  );
}

/** A pod of helm test has done its work. */
const isReady = ({ phase, containerStatuses }: Pod['status']): boolean =>
  phase === 'Succeeded' || (containerStatuses?.every(({ ready }) => ready) ?? false);

const valuesOf = (files: string[]): string[] => files.flatMap((file) => ['--values', file]);
