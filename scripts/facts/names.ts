/** What this stand is called and where it lives: read from cluster/, the one home of its names, and from its slot. */
import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import { type Base, findSlot } from './slot.ts';

export const CLUSTER_FILE = 'cluster/ctlptl.yaml';
export const NAMESPACE_FILE = 'cluster/namespace.yaml';

export interface PortMapping {
  /** On localhost. */
  hostPort: number;
  /** The NodePort in the cluster. */
  containerPort: number;
}

export interface Names {
  /** Of the Helm release, the packages and the images' repository; in slot 0 also of the kind cluster. */
  name: string;
  /** Which of the stands on this machine it is. */
  slot: number;
  /** The kind cluster's. */
  cluster: string;
  /** The kube context; no other is ever used or changed. */
  context: string;
  namespace: string;
  release: string;
  /** Docker's name for the cluster's one node. */
  node: string;
  registry: { name: string; port: number; address: string };
  /** Those of slot 0. */
  portMappings: PortMapping[];
}

interface Registry {
  kind: 'Registry';
  name: string;
  port: number;
}

interface Cluster {
  kind: 'Cluster';
  kindV1Alpha4Cluster: { name: string; nodes: { extraPortMappings?: PortMapping[] }[] };
}

interface ClusterFile {
  base: Base;
  portMappings: PortMapping[];
}

export function readNames(): Names {
  const { base, portMappings } = readClusterFile();
  const { number: slot, cluster, registry } = findSlot(base);
  const { metadata } = parse(readFileSync(NAMESPACE_FILE, 'utf8'));
  return {
    name: base.name,
    ...{ slot, cluster },
    context: `kind-${cluster}`,
    namespace: metadata.name,
    release: base.name,
    node: nodeOf(cluster),
    registry: { ...registry, address: `localhost:${registry.port}` },
    portMappings,
  };
}

export const readBase = (): Base => readClusterFile().base;

/** Docker's name for the one node of a kind cluster. */
export const nodeOf = (cluster: string): string => `${cluster}-control-plane`;

/** Every port asks for it, and parsing takes longest. */
const parsed = new Map<string, ClusterFile>();

function readClusterFile(): ClusterFile {
  const text = readFileSync(CLUSTER_FILE, 'utf8');
  const file = parsed.get(text) ?? parseClusterFile(text);
  parsed.set(text, file);
  return file;
}

function parseClusterFile(text: string): ClusterFile {
  const documents = parseAllDocuments(text).map((document) => document.toJS());
  const find = <T>(kind: string): T => documents.find((document) => document.kind === kind);
  const { name, port } = find<Registry>('Registry');
  const { kindV1Alpha4Cluster: kind } = find<Cluster>('Cluster');
  return {
    base: { name: kind.name, registry: { name, port } },
    portMappings: kind.nodes.flatMap((node) => node.extraPortMappings ?? []),
  };
}
