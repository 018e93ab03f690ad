/** What this stand is called and where it lives: read from cluster/, the one home of its names. */
import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';

export const CLUSTER_FILE = 'cluster/ctlptl.yaml';
export const NAMESPACE_FILE = 'cluster/namespace.yaml';

export interface PortMapping {
  /** On localhost. */
  hostPort: number;
  /** The NodePort in the cluster. */
  containerPort: number;
}

export interface Names {
  /** Of the kind cluster, the Helm release and the images' repository. */
  name: string;
  /** The kube context; no other is ever used or changed. */
  context: string;
  namespace: string;
  release: string;
  /** Docker's name for the cluster's one node. */
  node: string;
  registry: { name: string; port: number; address: string };
  portMappings: PortMapping[];
}

interface Registry {
  kind: 'Registry';
  name: string;
  port: number;
}

interface Cluster {
  kind: 'Cluster';
  name: string;
  kindV1Alpha4Cluster: { name: string; nodes: { extraPortMappings?: PortMapping[] }[] };
}

export function readNames(): Names {
  const documents = parseAllDocuments(readFileSync(CLUSTER_FILE, 'utf8')).map((document) => document.toJS());
  const find = <T>(kind: string): T => documents.find((document) => document.kind === kind);
  const registry = find<Registry>('Registry');
  const { name: context, kindV1Alpha4Cluster: kind } = find<Cluster>('Cluster');
  const { metadata } = parse(readFileSync(NAMESPACE_FILE, 'utf8'));
  return {
    name: kind.name,
    context,
    namespace: metadata.name,
    release: kind.name,
    node: `${kind.name}-control-plane`,
    registry: { name: registry.name, port: registry.port, address: `localhost:${registry.port}` },
    portMappings: kind.nodes.flatMap((node) => node.extraPortMappings ?? []),
  };
}
