/** What make doctor thinks of what it has found: one finding per fact, with its fix. */

import type { Mode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { DISTANCE, findOwn, type Slot } from '../facts/slot.ts';
import { type Engine, isEngine } from '../machine/engine.ts';
import { nodeFits, wantedNode } from '../machine/node.cjs';
import type { Fault } from '../machine/terminal.ts';
import { describeTool, type Tool, toolFits } from '../machine/tools.ts';

/** ✗ is in the way of the mode that make dev would choose, ! is not. */
export interface Finding {
  mark: '✓' | '!' | '✗';
  text: string;
  fix?: string;
}

export interface Port {
  port: number;
  neededBy: Mode[];
  holder: 'nobody' | 'the cluster' | 'host mode' | 'another program';
}

export interface Container {
  name: string;
  state: string;
  ports: number[];
}

export interface Facts {
  node: string;
  /** What make dev would choose, and why. */
  mode: Mode;
  reason: string;
  /** When MODE, ENV or SERVICES name nothing there is. */
  settingsFault?: string;
  engine: Engine;
  /** In bytes. */
  freeDisk: number;
  tools: Tool[];
  inotify?: { max_user_instances: number; max_user_watches: number };
  ports: Port[];
  hostModeProcess?: number;
  /** Those of all clones that have one. */
  slots: Slot[];
  kube?: { contexts: string[]; current: string };
  containers: Container[];
  /** Why pods don't reach this machine, where the cluster runs. */
  reachFault?: Fault;
}

const GIB = 2 ** 30;
const MEMORY_GIB = 4;
const DISK_GIB = 10;
/** Tools that run nothing. */
const CHECKERS = ['kubeconform', 'oasdiff'];
const INOTIFY = { max_user_instances: 512, max_user_watches: 524_288 };

const good = (text: string): Finding => ({ mark: '✓', text });
const warning = (text: string, fix: string): Finding => ({ mark: '!', text, fix });
const fault = (text: string, fix: string): Finding => ({ mark: '✗', text, fix });

export function judge(facts: Facts): Finding[] {
  const { mode } = facts;
  return [
    judgeNode(facts.node),
    judgeDocker(facts),
    ...judgeDockerRoom(facts),
    ...facts.tools.map((tool) => judgeTool(tool, mode)),
    ...judgeInotify(facts.inotify),
    ...judgePorts(facts.ports, mode),
    judgeSlot(facts.slots),
    ...judgeContext(facts),
    ...judgeContainers(facts),
    ...judgeReach(facts),
    judgeMode(facts),
  ];
}

export function judgeNode(version: string): Finding {
  if (nodeFits(version)) return good(`Node.js ${version}`);
  return fault(`Node.js ${version} does not fit: ${wantedNode()} is needed`, 'Install Node.js 24: https://nodejs.org');
}

function judgeDocker({ engine, mode }: Facts): Finding {
  if (isEngine(engine)) return good('Docker engine answers');
  const fix = engine.fault.includes('permission denied')
    ? 'sudo usermod --append --groups docker $USER, then log in again'
    : 'Start Docker, or install it: https://docs.docker.com/get-started/get-docker/';
  return mode === 'cluster'
    ? fault(engine.fault, `${fix}; without it: make dev MODE=host`)
    : warning(engine.fault, fix);
}

function judgeDockerRoom({ engine, freeDisk }: Facts): Finding[] {
  const disk = `${inGib(freeDisk)} GiB of disk are free`;
  const findings = [
    freeDisk >= DISK_GIB * GIB
      ? good(disk)
      : warning(`${disk}; ${DISK_GIB} are wanted`, 'Free some: docker system df shows what Docker holds'),
  ];
  if (!isEngine(engine)) return findings;
  const memory = `Docker has ${inGib(engine.memory)} GiB of memory`;
  const enough = engine.memory >= MEMORY_GIB * GIB;
  return [
    enough
      ? good(memory)
      : warning(`${memory}; ${MEMORY_GIB} are wanted`, 'Docker Desktop: Settings, Resources; or run fewer SERVICES'),
    ...findings,
  ];
}

const inGib = (bytes: number): string => (bytes / GIB).toFixed(1);

export function judgeTool(tool: Tool, mode: Mode): Finding {
  const text = describeTool(tool);
  if (toolFits(tool)) return good(text);
  // Kubernetes supports no kubectl that is much older than the server, yet what the stand asks of it works.
  const isOldKubectl = tool.name === 'kubectl' && tool.found?.startsWith('1.');
  const inTheWay = mode === 'cluster' && !CHECKERS.includes(tool.name) && !isOldKubectl ? fault : warning;
  return inTheWay(text, 'make tools');
}

export function judgeInotify(limits: Facts['inotify']): Finding[] {
  if (!limits) return [];
  return Object.entries(INOTIFY).map(([name, wanted]) => {
    const value = limits[name as keyof typeof INOTIFY];
    const text = `fs.inotify.${name} is ${value}`;
    if (value >= wanted) return good(text);
    return warning(`${text}; ${wanted} is wanted`, `sudo sysctl fs.inotify.${name}=${wanted}`);
  });
}

export function judgePorts(ports: Port[], mode: Mode): Finding[] {
  const line = (finding: (text: string, fix: string) => Finding, held: Port[], text: string, fix = ''): Finding[] => {
    const numbers = held.map(({ port }) => port);
    return held.length > 0 ? [finding(`ports ${ranges(numbers)}: ${text}`, fix.replace('PORTS', numbers.join()))] : [];
  };
  const heldBy = (holder: Port['holder']) => ports.filter((port) => port.holder === holder);
  const own = (itsMode: Mode) => (mode === itsMode ? good : warning);
  const taken = heldBy('another program');
  const inTheWay = taken.filter(({ neededBy }) => neededBy.includes(mode));
  const harmless = taken.filter(({ neededBy }) => !neededBy.includes(mode));
  const endIt = 'End it: lsof -nP -iTCP:PORTS -sTCP:LISTEN tells which';
  return [
    ...line(good, heldBy('nobody'), 'free'),
    ...line(
      own('cluster'),
      heldBy('the cluster'),
      "held by the stand's cluster",
      `Before host mode: docker stop ${readNames().node}`,
    ),
    ...line(
      own('host'),
      heldBy('host mode'),
      "held by the stand's host mode",
      'Before the cluster: Ctrl-C where it runs',
    ),
    ...line(fault, inTheWay, 'taken by another program', endIt),
    ...line(warning, harmless, `taken by another program; ${mode} mode needs none of them`, endIt),
  ];
}

function judgeSlot(slots: Slot[]): Finding {
  const { slot, context } = readNames();
  const others = slots.filter(({ number }) => number !== findOwn(slots)?.number);
  const holders = others.map(({ number, root }) => `${number} is that of ${root}`);
  return good(
    [`slot ${slot}, with ports ${DISTANCE * slot} higher than slot 0's and cluster ${context}`, ...holders].join('; '),
  );
}

/** [1, 2, 3, 5] → "1-3, 5" */
export function ranges(numbers: number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const starts = sorted.filter((number) => !sorted.includes(number - 1));
  const ends = sorted.filter((number) => !sorted.includes(number + 1));
  return starts.map((start, index) => (start === ends[index] ? `${start}` : `${start}-${ends[index]}`)).join(', ');
}

/** Which context is selected never matters: every command names the stand's own. */
function judgeContext({ kube, containers }: Facts): Finding[] {
  if (!kube) return [];
  const { context, node } = readNames();
  const selected =
    kube.current === context ? 'selected' : `not selected (${kube.current || 'none'} is), nor needs to be`;
  if (kube.contexts.includes(context)) return [good(`kube context ${context} is there, ${selected}`)];
  const isLost = containers.some(({ name }) => name === node);
  return isLost
    ? [warning(`kube context ${context} is missing, though its cluster exists`, 'make cluster exports it again')]
    : [good(`kube context ${context} comes with the cluster; ${kube.current || 'none'} is selected`)];
}

function judgeContainers({ engine, containers }: Facts): Finding[] {
  if (!isEngine(engine)) return [];
  const { node, registry } = readNames();
  return Object.entries({ cluster: node, registry: registry.name }).map(([what, name]) => {
    const state = containers.find((container) => container.name === name)?.state ?? 'missing';
    if (state === 'running') return good(`${what} ${name} is running`);
    return warning(`${what} ${name} is ${state}`, 'make cluster, or make dev, which does it too');
  });
}

/** What make dev LOCAL= stands on. */
const judgeReach = ({ reachFault }: Facts): Finding[] =>
  reachFault ? [warning(`${reachFault.message}, so make dev LOCAL=… can't work`, reachFault.remedy ?? '')] : [];

function judgeMode({ settingsFault, mode, reason, hostModeProcess }: Facts): Finding {
  if (settingsFault) return fault(settingsFault, 'make help lists the arguments');
  const now = hostModeProcess ? `; host mode runs now, as process ${hostModeProcess}` : '';
  return good(`make dev would run in ${mode} mode: ${reason}${now}`);
}
