/**
 * helm/schemas, the Kubernetes JSON schemas that make lint-chart and the chart's tests validate with, offline. Made anew
 * after a new Kubernetes version in cluster/ctlptl.yaml, from what the stand's cluster says.
 *
 * One file for each kind that the chart renders, whole in itself, named as kubeconform does by default:
 * {{ .ResourceKind }}{{ .KindSuffix }}.json, such as deployment-apps-v1.json. Stricter than Kubernetes: unknown fields
 * and nulls are errors, as is a `status`, which no chart sets. A new kind in the chart needs a line in KINDS.
 * HTTPRoute and ServiceMonitor are no part of Kubernetes: httproute-gateway-v1.json and servicemonitor-monitoring-v1.json
 * are kept by hand, with the fields that the chart uses.
 */

import { readNames } from '../facts/names.ts';
import { capture } from '../machine/command.ts';

const KINDS = [
  'v1/Pod',
  'v1/Secret',
  'v1/Service',
  'v1/ServiceAccount',
  'apps/v1/Deployment',
  'apps/v1/StatefulSet',
  'autoscaling/v2/HorizontalPodAutoscaler',
  'discovery.k8s.io/v1/EndpointSlice',
  'networking.k8s.io/v1/Ingress',
  'networking.k8s.io/v1/NetworkPolicy',
  'policy/v1/PodDisruptionBudget',
];

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: string[];
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  additionalProperties?: Schema | boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}
type Definitions = Record<string, Schema>;

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';

/** The schemas' texts by file name. @throws with what kubectl says when the cluster does not answer */
export async function generateSchemas(): Promise<Record<string, string>> {
  const definitions = await readCluster();
  const entries = KINDS.map((kind) => [
    `helm/schemas/${fileName(kind)}`,
    JSON.stringify(standalone(kind, definitions)),
  ]);
  return Object.fromEntries(entries);
}

async function readCluster(): Promise<Definitions> {
  const answer = await capture('kubectl', ['--context', readNames().context, 'get', '--raw', '/openapi/v2']);
  const { definitions } = JSON.parse(answer);
  // The cluster calls it a string but takes `cpu: 2` as well.
  definitions[QUANTITY].type = ['string', 'number'];
  return definitions;
}

/** Splits 'apps/v1/Deployment'; the core group has no name. */
function parse(kind: string): { group: string; version: string; kind: string } {
  const [name = '', version = '', group = ''] = kind.split('/').reverse();
  return { group, version, kind: name };
}

function fileName(of: string): string {
  const { group, version, kind } = parse(of);
  return `${[kind, group.split('.')[0], version].filter(Boolean).join('-').toLowerCase()}.json`;
}

/** The schema of one kind, with all definitions that it refers to. */
function standalone(of: string, definitions: Definitions): object {
  const root = rootName(of, definitions);
  const { status: _, ...properties } = definitions[root]?.properties ?? {};
  const own = { ...definitions, [root]: { ...definitions[root], properties } };
  const names = [...reachable(root, own)].sort();
  return {
    $ref: `#/definitions/${root}`,
    definitions: Object.fromEntries(names.map((name) => [name, close(own[name])])),
  };
}

function rootName(of: string, definitions: Definitions): string {
  const wanted = parse(of);
  const isWanted = ([, schema]: [string, Schema]) =>
    schema['x-kubernetes-group-version-kind']?.some(
      ({ group, version, kind }) => group === wanted.group && version === wanted.version && kind === wanted.kind,
    );
  const found = Object.entries(definitions).find(isWanted);
  if (!found) throw new Error(`the cluster does not know ${of}`);
  return found[0];
}

function reachable(name: string, definitions: Definitions, found = new Set<string>()): Set<string> {
  if (found.has(name)) return found;
  found.add(name);
  const references = JSON.stringify(definitions[name]).matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g);
  for (const [, reference = ''] of references) reachable(reference, definitions, found);
  return found;
}

/** Keeps what validates, drops what describes, and closes each object whose fields are known. */
function close(schema: Schema = {}): object {
  if (schema.$ref) return { $ref: schema.$ref };
  if (schema.format === 'int-or-string' || schema['x-kubernetes-int-or-string']) return { type: ['string', 'integer'] };
  const { type, enum: values, required, properties, items } = schema;
  return {
    type,
    enum: values,
    required,
    properties: properties && mapValues(properties, close),
    items: items && close(items),
    additionalProperties: furtherFields(schema),
  };
}

/** What may be beside the known fields: nothing, unless the cluster says otherwise. */
function furtherFields({ properties, additionalProperties, ...schema }: Schema): object | boolean | undefined {
  if (typeof additionalProperties === 'object') return close(additionalProperties);
  const closed = properties && !schema['x-kubernetes-preserve-unknown-fields'];
  return closed ? false : additionalProperties;
}

function mapValues<From, To>(object: Record<string, From>, change: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]));
}
