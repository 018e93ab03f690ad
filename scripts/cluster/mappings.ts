/** Which ports of localhost lead into the cluster: fixed when its node is made, each to a NodePort. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments, stringify } from 'yaml';
import { CLUSTER_FILE, type PortMapping, readNames } from '../facts/names.ts';
import { databasePort, hostPort } from '../facts/ports.ts';
import { loadValues } from '../facts/values.ts';
import { ask } from '../machine/command.ts';
import { isTaken } from '../machine/ports.ts';

/** On localhost: all that cluster/ctlptl.yaml maps, in this clone's slot. */
export const mappedPorts = (): number[] => readNames().portMappings.map((mapping) => hostPort(mapping.hostPort));

/** On localhost: what the services have that are to run, and PostgreSQL. */
export function neededPorts(): number[] {
  const services = Object.values(loadValues('local').services).filter(({ enabled }) => enabled);
  return [...services.map(({ port }) => hostPort(port)), databasePort()];
}

/** Of those, the ones that are to be mapped and the cluster's node was made without. */
export async function findUnmapped(): Promise<number[]> {
  const format = '{{range .HostConfig.PortBindings}}{{range .}}{{.HostPort}} {{end}}{{end}}';
  const { stdout } = await ask('docker', 'container', 'inspect', '--format', format, readNames().node);
  const mapped = stdout.trim().split(' ').map(Number);
  return neededPorts().filter((port) => mappedPorts().includes(port) && !mapped.includes(port));
}

/** Those that something listens on. */
export async function findTaken(ports: number[]): Promise<number[]> {
  const areTaken = await Promise.all(ports.map(isTaken));
  return ports.filter((_, index) => areTaken[index]);
}

/** cluster/ctlptl.yaml with the names and ports of this clone's slot, without the mappings of `left` ports. */
export function clusterFile(left: number[] = []): string {
  const { cluster, context, registry } = readNames();
  const documents = parseAllDocuments(readFileSync(CLUSTER_FILE, 'utf8')).map((document) => document.toJS());
  for (const document of documents) {
    const { kindV1Alpha4Cluster: kind } = document;
    if (!kind) Object.assign(document, { name: registry.name, port: registry.port });
    else
      Object.assign(document, {
        name: context,
        registry: registry.name,
        kindV1Alpha4Cluster: { ...kind, name: cluster, nodes: kind.nodes.map(mapped) },
      });
  }
  return documents.map((document) => stringify(document)).join('---\n');

  function mapped(node: { extraPortMappings?: PortMapping[] }): object {
    const extraPortMappings = node.extraPortMappings
      ?.map((mapping) => ({ ...mapping, hostPort: hostPort(mapping.hostPort) }))
      .filter((mapping) => !left.includes(mapping.hostPort));
    return { ...node, extraPortMappings };
  }
}
