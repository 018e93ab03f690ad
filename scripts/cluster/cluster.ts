/**
 * The stand's own cluster and registry, as cluster/ctlptl.yaml describes them. No other cluster or kube context is
 * touched: the one that was selected stays so.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLUSTER_FILE, NAMESPACE_FILE, readNames } from '../facts/names.ts';
import { otherSlot } from '../facts/ports.ts';
import { DEFAULTS } from '../facts/values.ts';
import { ask, capture, perform } from '../machine/command.ts';
import { findEngine, hasContainer, isEngine } from '../machine/engine.ts';
import { describeListener } from '../machine/ports.ts';
import { confirm, Fault, say } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';
import { clusterFile, findTaken, findUnmapped, mappedPorts, neededPorts } from './mappings.ts';
import { alone } from './slots.ts';

/** What ctlptl was given. */
export const APPLIED_FILE = '.stand/cluster.yaml';
const ANNOTATION = 'cluster-file';
const READY_LIMIT_MS = 120_000;
const POLL_MS = 500;

/** Creates them, or starts what is stopped; asks before a changed file replaces a cluster. @throws {Fault} */
export async function startCluster(): Promise<void> {
  await needEngine();
  needTools('kubectl', 'kind', 'ctlptl');
  if (await hasContainer(readNames().node)) await resume();
  else await create();
  await kubectl('apply', '--filename', NAMESPACE_FILE);
  await kubectl('annotate', '--overwrite', 'namespace', readNames().namespace, `${ANNOTATION}=${fingerprint()}`);
  const { context, registry } = readNames();
  say(`✓ cluster ${context}, registry ${registry.address}`);
}

/** Takes Tilt's deployment down; the cluster and the database's volume stay. @throws {Fault} */
export async function stopDeployment(): Promise<void> {
  await needEngine();
  const { context, node } = readNames();
  if (!(await hasContainer(node))) return say(`There is no cluster ${context}.`);
  needTools('tilt');
  await perform('tilt', 'down', '--context', context);
  say("✓ stopped; the database's volume stays. To delete that too: make clean");
}

/** Deletes both, with all data; asks first. The registry stays where other clones' clusters have it. @throws {Fault} */
export async function deleteCluster(): Promise<void> {
  await needEngine();
  const { context, node, registry } = readNames();
  const hasCluster = await hasContainer(node);
  const hasRegistry = !(await hasSharers()) && (await hasContainer(registry.name));
  const parts = [...(hasCluster ? [`cluster ${context}`] : []), ...(hasRegistry ? [`registry ${registry.name}`] : [])];
  if (parts.length === 0) return say('There is nothing to delete.');
  needTools('kubectl', 'kind', 'ctlptl');
  if (!(await confirm(`Delete ${parts.join(' and ')} with all data in ${parts.length > 1 ? 'them' : 'it'}?`)))
    throw new Fault('Nothing was deleted');
  if (hasCluster) await keepingContext(() => perform('ctlptl', 'delete', 'cluster', context));
  rmSync(APPLIED_FILE, { force: true });
  if (hasRegistry) await perform('ctlptl', 'delete', 'registry', registry.name);
}

/** Whether other clones of this stand have clusters, which have their images from the same registry: asked of Docker, as kind labels its nodes. */
export async function hasSharers(): Promise<boolean> {
  const { name, cluster } = readNames();
  const label = 'io.x-k8s.kind.cluster';
  const { stdout } = await ask(
    'docker',
    'ps',
    '--all',
    '--filter',
    `label=${label}`,
    '--format',
    `{{.Label "${label}"}}`,
  );
  const others = stdout.split('\n').filter((other) => other !== cluster);
  return others.some((other) => other === name || other.startsWith(`${name}-`));
}

async function needEngine(): Promise<void> {
  const engine = await findEngine();
  if (!isEngine(engine)) throw new Fault(engine.fault, 'Start Docker, or run without it: make dev MODE=host');
}

async function create(): Promise<void> {
  const { context, registry } = readNames();
  const taken = await findTaken(mappedPorts());
  const needed = neededPorts();
  const inTheWay = [...taken.filter((port) => needed.includes(port)), ...(await findTakenRegistryPort())];
  if (inTheWay.length > 0) throw new Fault(`Taken by another program: port ${inTheWay.join(' ')}`, endIt(inTheWay));
  if (taken.length > 0)
    say(`! Taken by another program: port ${taken.join(' ')}; no service has it, so the cluster does without`);
  say(`Creating cluster ${context} and registry ${registry.address} …`);
  mkdirSync(dirname(APPLIED_FILE), { recursive: true });
  writeFileSync(APPLIED_FILE, clusterFile(taken));
  await keepingContext(() => perform('ctlptl', 'apply', '--filename', APPLIED_FILE));
}

/** Docker does not start a kind cluster again by itself after a restart of the machine. */
async function resume(): Promise<void> {
  const { context, node, registry } = readNames();
  const hasRegistry = await hasContainer(registry.name);
  for (const container of hasRegistry ? [registry.name, node] : [node]) await startContainer(container);
  await findContext();
  await untilReady();
  const isCurrent = hasRegistry && (await appliedFingerprint()) === fingerprint();
  const unmapped = await findUnmapped();
  if (isCurrent && unmapped.length === 0) return;
  const reason = isCurrent
    ? `Cluster ${context} was made while another program had port ${unmapped.join(' ')}.`
    : `Cluster ${context} does not match ${CLUSTER_FILE} any more.`;
  if (!(await confirm(`${reason} Delete it, with its data, and make a new one?`)))
    throw new Fault('The cluster stays as it is', `Take back the change of ${isCurrent ? DEFAULTS : CLUSTER_FILE}`);
  await keepingContext(() => perform('ctlptl', 'delete', 'cluster', context));
  await create();
}

async function startContainer(name: string): Promise<void> {
  try {
    await capture('docker', ['start', name]);
  } catch (error) {
    const reason = (error as Error).message;
    const port = Number(/(?:Bind for|listen tcp4?) \S*:(\d+)/.exec(reason)?.[1]);
    if (!port) throw new Fault(`${name} does not start: ${reason}`);
    throw new Fault(`${name} does not start: port ${port} is taken by ${describeListener(port)}`, endIt([port], ''));
  }
}

/** As kind writes it; lost with the kubeconfig that it was in. */
async function findContext(): Promise<void> {
  const { cluster, context } = readNames();
  const { stdout } = await ask('kubectl', 'config', 'get-contexts', '--output', 'name');
  if (stdout.split('\n').includes(context)) return;
  say(`kube context ${context} is missing: exporting it again`);
  await keepingContext(() => capture('kind', ['export', 'kubeconfig', '--name', cluster]));
}

async function untilReady(): Promise<void> {
  const { context } = readNames();
  const end = Date.now() + READY_LIMIT_MS;
  while (!(await ask('kubectl', '--context', context, 'get', '--raw', '/readyz')).ok) {
    if (Date.now() > end) throw new Fault(`Cluster ${context} does not answer`, 'Make a new one: make clean cluster');
    await sleep(POLL_MS);
  }
}

async function findTakenRegistryPort(): Promise<number[]> {
  const { registry } = readNames();
  return (await hasContainer(registry.name)) ? [] : findTaken([registry.port]);
}

const endIt = ([port]: number[], otherwise = `; or take other ports: ${otherSlot()}`): string =>
  `End what listens there (lsof -i :${port} tells), then try again${otherwise}`;

/** ctlptl and kind select the cluster they touch; this selects again what was, which two at once would mix up. */
async function keepingContext(work: () => Promise<unknown>): Promise<void> {
  if (!(await alone('context', () => selectingAgain(work)))) await selectingAgain(work);
}

async function selectingAgain(work: () => Promise<unknown>): Promise<void> {
  const before = (await ask('kubectl', 'config', 'current-context')).stdout.trim();
  try {
    await work();
  } finally {
    if (before && before !== readNames().context) await ask('kubectl', 'config', 'use-context', before);
  }
}

const fingerprint = (): string =>
  createHash('sha256')
    .update(readFileSync(CLUSTER_FILE))
    .update(String(readNames().slot || ''))
    .digest('hex')
    .slice(0, 12);

async function appliedFingerprint(): Promise<string> {
  const path = `jsonpath={.metadata.annotations.${ANNOTATION}}`;
  const { context, namespace } = readNames();
  return (await ask('kubectl', '--context', context, 'get', 'namespace', namespace, '--output', path)).stdout;
}

const kubectl = (...args: string[]): Promise<string> => capture('kubectl', ['--context', readNames().context, ...args]);
