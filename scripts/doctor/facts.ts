/** What make doctor looks at on this machine. It changes nothing. */
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { findReachFault } from '../cluster/reach.ts';
import { argument, listArgument } from '../facts/arguments.ts';
import { type Choice, chooseMode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { databasePort, hostPort, localPort, servicePorts, tiltPort } from '../facts/ports.ts';
import { readSlots } from '../facts/slot.ts';
import { loadValues } from '../facts/values.ts';
import { findHostMode } from '../host/state.ts';
import { ask } from '../machine/command.ts';
import { type Engine, findEngine, isEngine } from '../machine/engine.ts';
import { findListeners, isTaken } from '../machine/ports.ts';
import { findTools } from '../machine/tools.ts';
import type { Container, Facts, Port } from './judgement.ts';

export async function gatherFacts(): Promise<Facts> {
  const [engine, tools, kube, containers] = await Promise.all([findEngine(), findTools(), askKube(), findContainers()]);
  const settings = readSettings(engine);
  const host = findHostMode();
  const isUp = containers.some(({ name, state }) => name === readNames().node && state === 'running');
  const ofCluster = [...containers.flatMap(({ ports }) => ports), ...(isOwnTilt() ? [tiltPort()] : [])];
  return {
    node: process.versions.node,
    ...settings.choice,
    settingsFault: settings.fault,
    engine,
    freeDisk: await measureDisk(engine),
    tools,
    inotify: readInotify(),
    ports: await findPorts(settings.ports, ofCluster, host?.ports ?? []),
    hostModeProcess: host?.pid,
    slots: readSlots(),
    kube,
    containers,
    reachFault: isUp ? await findReachFault(localPort(servicePorts()[0] ?? 0)) : undefined,
  };
}

/** As make dev reads them, which refuses the same. */
function readSettings(engine: Engine): { choice: Choice; ports: number[]; fault?: string } {
  let choice = chooseMode('', engine);
  try {
    choice = chooseMode(argument('MODE'), engine);
    const { services } = loadValues(argument('ENV') || 'local', listArgument('SERVICES'));
    const enabled = Object.values(services).filter((service) => service.enabled);
    return { choice, ports: enabled.map(({ port }) => hostPort(port)) };
  } catch (error) {
    return { choice, ports: [], fault: (error as Error).message };
  }
}

/** Of the disk that Docker writes to; where that is inside a virtual machine, of the one here, which holds its file. */
async function measureDisk(engine: Engine): Promise<number> {
  const { bavail, bsize } = await statfs(isEngine(engine) && existsSync(engine.root) ? engine.root : '.');
  return bavail * bsize;
}

function readInotify(): Facts['inotify'] {
  const folder = '/proc/sys/fs/inotify';
  if (!existsSync(folder)) return undefined;
  const limit = (name: string) => Number(readFileSync(`${folder}/${name}`, 'utf8'));
  return { max_user_instances: limit('max_user_instances'), max_user_watches: limit('max_user_watches') };
}

/** Where the system tells who listens there. */
function isOwnTilt(): boolean {
  return findListeners(tiltPort()).some(({ command }) => command.includes(` --context ${readNames().context} `));
}

function findPorts(ofServices: number[], byCluster: number[], byHost: number[]): Promise<Port[]> {
  const { portMappings, registry } = readNames();
  const forHost = [...ofServices, databasePort()];
  const forCluster = [...forHost, registry.port, tiltPort()];
  // What no service has is mapped where it is free.
  const further = portMappings.map((mapping) => hostPort(mapping.hostPort));
  const holder = async (port: number): Promise<Port['holder']> => {
    if (byCluster.includes(port)) return 'the cluster';
    if (!(await isTaken(port))) return 'nobody';
    return byHost.includes(port) ? 'host mode' : 'another program';
  };
  return Promise.all(
    [...new Set([...forCluster, ...further])].map(async (port) => ({
      port,
      neededBy: [
        ...(forCluster.includes(port) ? ['cluster' as const] : []),
        ...(forHost.includes(port) ? ['host' as const] : []),
      ],
      holder: await holder(port),
    })),
  );
}

async function askKube(): Promise<Facts['kube']> {
  const [contexts, current] = await Promise.all([
    ask('kubectl', 'config', 'get-contexts', '--output', 'name'),
    ask('kubectl', 'config', 'current-context'),
  ]);
  if (!contexts.installed) return undefined;
  return { contexts: contexts.stdout.split('\n').filter(Boolean), current: current.stdout.trim() };
}

interface Inspected {
  Name: string;
  State: { Status: string };
  NetworkSettings: { Ports: Record<string, { HostPort: string }[] | null> };
}

/** Of the stand's two containers, those that exist. */
async function findContainers(): Promise<Container[]> {
  const { node, registry } = readNames();
  const { stdout } = await ask('docker', 'container', 'inspect', node, registry.name);
  return parseInspected(stdout).map(({ Name, State, NetworkSettings }) => ({
    name: Name.slice(1),
    state: State.Status,
    ports: Object.values(NetworkSettings.Ports).flatMap((hosts) =>
      (hosts ?? []).map(({ HostPort }) => Number(HostPort)),
    ),
  }));
}

function parseInspected(text: string): Inspected[] {
  try {
    return JSON.parse(text);
  } catch {
    return [];
  }
}
