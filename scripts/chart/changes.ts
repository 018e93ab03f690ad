/** What differs between two renderings of the chart, in words. */
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { isMap, own } from '../facts/values.ts';

interface Manifest {
  kind: string;
  metadata: { name: string };
}

interface Change {
  path: string[];
  before: unknown;
  after: unknown;
}

/** By what the items of a list are told apart; lists of others are compared as a whole. */
const NAMES = ['name', 'host', 'mountPath'];
/** Kinds whose pods are replaced when their template changes. */
const WORKLOADS = ['Deployment', 'StatefulSet', 'DaemonSet'];
const CONTAINER = /^spec\.template\.spec\.(?:initContainers|containers)\.([^.]+)\.(.+)$/;
const LONGEST = 160;

/** What a path is called, by kind where it matters; any other is told as it is. */
const WORDS: [path: RegExp, words: string][] = [
  [/^Container image$/, 'image'],
  [/^Container resources\.limits\.(.+)$/, '$1 limit'],
  [/^Container resources\.requests\.(.+)$/, '$1 request'],
  [/^Container env\.([^.]+)\.value$/, 'environment $1'],
  [/^Container env\.([^.]+)\.(.+)$/, 'environment $1 $2'],
  [/^Container (readiness|liveness|startup)Probe\.(.+)$/, '$1 probe $2'],
  [/^Container ports\.([^.]+)\.containerPort$/, 'port $1'],
  [/^Container ([^.]+)$/, '$1'],
  [/^\w+ spec\.replicas$/, 'replicas'],
  [/^\w+ spec\.template\.spec\.volumes\.([^.]+)\.secret\.secretName$/, 'Secret of volume $1'],
  [/^\w+ spec\.template\.spec\.serviceAccountName$/, 'ServiceAccount'],
  [/^\w+ spec\.template\.metadata\.annotations\.checksum\/.+$/, 'what its pods read'],
  [/^HorizontalPodAutoscaler spec\.minReplicas$/, 'autoscaling minimum'],
  [/^HorizontalPodAutoscaler spec\.maxReplicas$/, 'autoscaling maximum'],
  [/^HorizontalPodAutoscaler spec\.metrics$/, 'autoscaling metrics'],
  [/^PodDisruptionBudget spec\.(\w+)$/, 'disruption budget $1'],
  [/^NetworkPolicy spec\.(ingress|egress)$/, 'network policy $1'],
  [/^Service spec\.type$/, 'Service type'],
  [/^Service spec\.ports\.([^.]+)\.port$/, 'Service port $1'],
  [/^Ingress spec\.rules\.(.+)$/, 'Ingress host $1'],
  [/^ServiceAccount metadata\.annotations\.(.+)$/, 'ServiceAccount annotation $1'],
];

/**
 * A sentence for each change, such as 'orders: memory limit 384Mi → 512Mi, pods restart'; what is the same for several
 * is told once for all. Objects are matched by kind and name. No value of a Secret is in it.
 * @param before objects as helm prints them
 */
export function describeChanges(before: string, after: string): string[] {
  const [old, young] = [documentsOf(before), documentsOf(after)];
  // Parsing takes longest, and nearly all are as they were.
  const gone = manifestsOf(old.filter((document) => !young.includes(document)));
  const added = manifestsOf(young.filter((document) => !old.includes(document)));
  return gather([
    ...missing(added, gone, 'new'),
    ...missing(gone, added, 'gone'),
    ...[...added].flatMap(([key, manifest]) => describeObject(gone.get(key), manifest)),
  ]);
}

type Sentence = [subject: string, text: string];

const documentsOf = (text: string): string[] => text.split(/^---$/m).map((document) => document.trim());

function manifestsOf(documents: string[]): Map<string, Manifest> {
  const manifests: (Manifest | null)[] = documents.map((document) => parse(document));
  return new Map(manifests.flatMap((it) => (it ? [[`${it.kind} ${it.metadata.name}`, it]] : [])));
}

/** Those of some objects that others lack; what belongs to a workload that is among them goes without saying. */
function missing(some: Map<string, Manifest>, others: Map<string, Manifest>, word: string): Sentence[] {
  const lacking = [...some].flatMap(([key, manifest]) => (others.has(key) ? [] : [manifest]));
  const isWorkload = ({ kind }: Manifest): boolean => WORKLOADS.includes(kind);
  const workloads = lacking.filter(isWorkload).map(({ metadata }) => metadata.name);
  const belongs = ({ metadata: { name } }: Manifest): boolean =>
    workloads.some((workload) => name === workload || name.startsWith(`${workload}-`));
  return lacking.flatMap((manifest): Sentence[] => {
    const { kind, metadata } = manifest;
    if (isWorkload(manifest)) return [['', `${metadata.name} is ${word}`]];
    return belongs(manifest) ? [] : [[metadata.name, `${kind} is ${word}`]];
  });
}

function describeObject(before: Manifest | undefined, after: Manifest): Sentence[] {
  if (!before) return [];
  const { kind, metadata } = after;
  const sentences = compare(before, after).map((change) => describe(kind, metadata.name, change));
  // An init container has most of what the main one has.
  const main = new Set(sentences.flatMap(({ container, text }) => (container === metadata.name ? [text] : [])));
  return sentences.flatMap(({ container, subject, text }): Sentence[] => {
    if (container === undefined || container === metadata.name) return [[subject, text]];
    return main.has(text) ? [] : [[subject, `container ${container}: ${text}`]];
  });
}

function describe(kind: string, name: string, { path, before, after }: Change) {
  const joined = path.join('.');
  if (joined === 'metadata.labels.helm.sh/chart') return { subject: 'chart', text: difference(before, after) };
  const [, container, inner] = CONTAINER.exec(joined) ?? [];
  const full = container === undefined ? `${kind} ${joined}` : `Container ${inner}`;
  const [pattern, words = ''] = WORDS.find(([pattern]) => pattern.test(full)) ?? [];
  const restart = WORKLOADS.includes(kind) && joined.startsWith('spec.template.') ? ', pods restart' : '';
  const told = pattern ? full.replace(pattern, words) : joined;
  const text = `${told} ${isHidden(kind, path) ? 'changes' : difference(before, after)}${restart}`;
  return pattern ? { container, subject: name, text } : { subject: `${kind} ${name}`, text };
}

/** A Secret's values, and checksums, which tell nobody anything: the cause is told where it is. */
const isHidden = (kind: string, path: string[]): boolean =>
  (kind === 'Secret' && path[0] !== 'metadata') || path.some((key) => key.startsWith('checksum/'));

/** The same sentence once, with all that it is about. */
function gather(sentences: Sentence[]): string[] {
  const subjects = new Map<string, Set<string>>();
  for (const [subject, text] of sentences) subjects.set(text, (subjects.get(text) ?? new Set()).add(subject));
  return [...subjects].map(([text, names]) => [[...names].join(', '), text].filter(Boolean).join(': '));
}

/** What is on one side only is compared with nothing, down to each value. */
function compare(before: unknown, after: unknown, path: string[] = []): Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (Array.isArray(before ?? after) && Array.isArray(after ?? before)) return compareLists(before, after, path);
  if (!isMap(before ?? after) || !isMap(after ?? before)) return [{ path, before, after }];
  const [old, young] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>];
  const keys = [...new Set([...Object.keys(old), ...Object.keys(young)])];
  if (keys.length === 0) return [{ path, before, after }];
  return keys.flatMap((key) => compare(own(old, key), own(young, key), [...path, key]));
}

function compareLists(before: unknown, after: unknown, path: string[]): Change[] {
  const [old, young] = [(before ?? []) as unknown[], (after ?? []) as unknown[]];
  const name = NAMES.find((key) => isNamedBy(key, old) && isNamedBy(key, young));
  if (name === undefined) return [{ path, ...withoutCommon(old, young) }];
  const [oldItems, youngItems] = [byName(old, name), byName(young, name)];
  const common = (some: typeof oldItems, others: typeof oldItems) => Object.keys(some).filter((it) => others[it]);
  const order = { before: common(oldItems, youngItems), after: common(youngItems, oldItems) };
  const isReordered = !isDeepStrictEqual(order.before, order.after);
  return [...compare(oldItems, youngItems, path), ...(isReordered ? [{ path, ...order }] : [])];
}

function isNamedBy(key: string, items: unknown[]): boolean {
  const names = items.map((item) => (isMap(item) ? item[key] : undefined));
  return names.every((name) => typeof name === 'string') && new Set(names).size === names.length;
}

const byName = (items: unknown[], key: string): Record<string, unknown> =>
  Object.fromEntries((items as Record<string, unknown>[]).map(({ [key]: name, ...rest }) => [name, rest]));

/** Only the items that differ, unless it is their order that does. */
function withoutCommon(before: unknown[], after: unknown[]): { before: unknown; after: unknown } {
  const lacks = (items: unknown[]) => (item: unknown) => !items.some((other) => isDeepStrictEqual(item, other));
  const [gone, added] = [before.filter(lacks(after)), after.filter(lacks(before))];
  return gone.length + added.length === 0 ? { before, after } : { before: gone, after: added };
}

const difference = (before: unknown, after: unknown): string => `${tell(before)} → ${tell(after)}`;

function tell(value: unknown): string {
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return '(none)';
  // As JSON where it is more than a word: no control character reaches the terminal.
  const text = typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) ? value : JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
