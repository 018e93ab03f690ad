/**
 * make doctor: what this machine has and lacks for `make dev`, one line per fact, the fix below it. Changes nothing.
 * ✗ is in the way of the mode that `make dev` would choose (exit code 1), ! is not.
 * What judges is pure and comes first; what looks at the machine comes after.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { findHostMode } from '../host/state.ts';
import { loadValues } from '../stand/values.ts';

export type Mode = 'cluster' | 'host';

export interface Finding {
  mark: '✓' | '!' | '✗';
  text: string;
  fix?: string;
}

export interface Tool {
  name: string;
  wanted: string;
  /** Empty for a build that doesn't say its version, undefined when the tool is missing. */
  found: string | undefined;
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
  /** MODE, ENV and SERVICES as given; `settingsFault` when they name nothing there is. */
  requestedMode: string;
  settingsFault?: string;
  docker: { memory: number } | { fault: string };
  freeDisk: number;
  tools: Tool[];
  inotify?: { max_user_instances: number; max_user_watches: number };
  ports: Port[];
  hostModeProcess?: number;
  kube?: { contexts: string[]; current: string };
  containers: Container[];
}

const NODE = '20.19';
const GIB = 2 ** 30;
const MEMORY_GIB = 4;
const DISK_GIB = 10;
const INOTIFY = { max_user_instances: 512, max_user_watches: 524_288 };
const CONTEXT = 'kind-stand';
const CLUSTER = 'stand-control-plane';
const REGISTRY = 'stand-registry';
const STOP_CLUSTER = `docker stop ${CLUSTER} ${REGISTRY}`;
/** The NodePort of PostgreSQL in cluster/ctlptl.yaml: host mode serves it at the same address. */
const DATABASE_NODE_PORT = 30432;

const good = (text: string): Finding => ({ mark: '✓', text });
const warning = (text: string, fix: string): Finding => ({ mark: '!', text, fix });
const fault = (text: string, fix: string): Finding => ({ mark: '✗', text, fix });

export function judge(facts: Facts): Finding[] {
  const mode = chooseMode(facts);
  return [
    judgeNode(facts.node),
    judgeDocker(facts, mode),
    ...judgeDockerRoom(facts),
    ...facts.tools.map((tool) => judgeTool(tool, mode)),
    ...judgeInotify(facts.inotify),
    ...judgePorts(facts.ports, mode),
    ...judgeContext(facts, mode),
    ...judgeContainers(facts),
    judgeMode(facts, mode),
  ];
}

/** As scripts/dev.sh chooses. */
export function chooseMode({ requestedMode, docker }: Pick<Facts, 'requestedMode' | 'docker'>): Mode {
  if (requestedMode === 'cluster' || requestedMode === 'host') return requestedMode;
  return 'memory' in docker ? 'cluster' : 'host';
}

export function judgeNode(version: string): Finding {
  if (fits(version, NODE) || major(version) > major(NODE)) return good(`Node.js ${version}`);
  return fault(`Node.js ${version} is too old: ${NODE} or newer is needed`, 'Install Node.js 24: https://nodejs.org');
}

/** A tool fits with the same major version and no older minor one. */
export function fits(found: string, wanted: string): boolean {
  return major(found) === major(wanted) && minor(found) >= minor(wanted);
}

const major = (version: string): number => Number(version.split('.')[0]);
const minor = (version: string): number => Number(version.split('.')[1]);

function judgeDocker({ docker }: Facts, mode: Mode): Finding {
  if ('memory' in docker) return good('Docker engine answers');
  const fix = docker.fault.includes('permission denied')
    ? 'sudo usermod --append --groups docker $USER, then log in again'
    : 'Start Docker, or install it: https://docs.docker.com/get-started/get-docker/';
  return mode === 'cluster'
    ? fault(docker.fault, `${fix}; without it: make dev MODE=host`)
    : warning(docker.fault, fix);
}

function judgeDockerRoom({ docker, freeDisk }: Facts): Finding[] {
  const disk = `${inGib(freeDisk)} GiB of disk are free`;
  const findings = [
    freeDisk >= DISK_GIB * GIB
      ? good(disk)
      : warning(`${disk}; ${DISK_GIB} are wanted`, 'Free some: docker system df shows what Docker holds'),
  ];
  if (!('memory' in docker)) return findings;
  const memory = `Docker has ${inGib(docker.memory)} GiB of memory`;
  const enough = docker.memory >= MEMORY_GIB * GIB;
  return [
    enough
      ? good(memory)
      : warning(`${memory}; ${MEMORY_GIB} are wanted`, 'Docker Desktop: Settings, Resources; or run fewer SERVICES'),
    ...findings,
  ];
}

const inGib = (bytes: number): string => (bytes / GIB).toFixed(1);

export function judgeTool({ name, wanted, found }: Tool, mode: Mode): Finding {
  const fix = 'make tools';
  const inTheWay = mode === 'cluster' && name !== 'kubeconform' ? fault : warning;
  if (found === undefined) return inTheWay(`${name} is missing`, fix);
  if (found === '') return good(`${name}, a build that doesn't say its version`);
  if (fits(found, wanted)) return good(`${name} ${found}`);
  const text = `${name} is ${found}; ${wanted} is wanted`;
  // Kubernetes supports no kubectl that is much older than the server, yet what the stand asks of it works.
  return name === 'kubectl' && major(found) === major(wanted) ? warning(text, fix) : inTheWay(text, fix);
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
    ...line(own('cluster'), heldBy('the cluster'), "held by the stand's cluster", `Before host mode: ${STOP_CLUSTER}`),
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

/** [1, 2, 3, 5] → "1-3, 5" */
export function ranges(numbers: number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b);
  const starts = sorted.filter((number) => !sorted.includes(number - 1));
  const ends = sorted.filter((number) => !sorted.includes(number + 1));
  return starts.map((start, index) => (start === ends[index] ? `${start}` : `${start}-${ends[index]}`)).join(', ');
}

/** Which context is selected never matters: every command names the stand's own. */
function judgeContext({ kube, containers }: Facts, mode: Mode): Finding[] {
  if (!kube) return [];
  const selected =
    kube.current === CONTEXT ? 'selected' : `not selected (${kube.current || 'none'} is), nor needs to be`;
  if (kube.contexts.includes(CONTEXT)) return [good(`kube context ${CONTEXT} is there, ${selected}`)];
  const lost = containers.some(({ name }) => name === CLUSTER);
  const inTheWay = mode === 'cluster' ? fault : warning;
  return lost
    ? [inTheWay(`kube context ${CONTEXT} is missing, though its cluster exists`, 'kind export kubeconfig --name stand')]
    : [good(`kube context ${CONTEXT} comes with the cluster; ${kube.current || 'none'} is selected`)];
}

function judgeContainers({ docker, containers }: Facts): Finding[] {
  if (!('memory' in docker)) return [];
  return [
    ['cluster', CLUSTER],
    ['registry', REGISTRY],
  ].map(([what, name]) => {
    const state = containers.find((container) => container.name === name)?.state ?? 'missing';
    if (state === 'running') return good(`${what} ${name} is running`);
    return warning(`${what} ${name} is ${state}`, 'make cluster, or make dev, which does it too');
  });
}

function judgeMode({ requestedMode, settingsFault, docker, hostModeProcess }: Facts, mode: Mode): Finding {
  if (!['', 'cluster', 'host'].includes(requestedMode))
    return fault(`MODE is cluster or host, not ${requestedMode}`, 'make dev MODE=cluster, or leave it out');
  if (settingsFault) return fault(settingsFault, 'Look at ENV and SERVICES: make help');
  const answer = 'memory' in docker ? 'a Docker engine answers' : 'no Docker engine answers';
  const now = hostModeProcess ? `; host mode runs now, as process ${hostModeProcess}` : '';
  return good(`make dev would run in ${mode} mode: ${requestedMode ? 'MODE says so' : answer}${now}`);
}

// ── What looks at the machine ──────────────────────────────────────────────────────────────────────────────────────

async function gather(): Promise<Facts> {
  const [docker, tools, kube, containers] = await Promise.all([askDocker(), findTools(), askKube(), findContainers()]);
  const services = readServices();
  const host = findHostMode();
  return {
    node: process.versions.node,
    requestedMode: process.env.MODE ?? '',
    settingsFault: services.fault,
    docker,
    freeDisk: await measureDisk('root' in docker ? docker.root : ''),
    tools,
    inotify: readInotify(),
    ports: await findPorts(
      Object.values(services.ports),
      containers.flatMap(({ ports }) => ports),
      host?.ports ?? [],
    ),
    hostModeProcess: host?.pid,
    kube,
    containers,
  };
}

interface Answer {
  ok: boolean;
  installed: boolean;
  stdout: string;
  stderr: string;
}

async function ask(command: string, ...args: string[]): Promise<Answer> {
  try {
    const output = await promisify(execFile)(command, args, { timeout: 10_000, maxBuffer: 2 ** 24 });
    return { ok: true, installed: true, ...output };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    return { ok: false, installed: code !== 'ENOENT', stdout, stderr };
  }
}

async function askDocker(): Promise<{ memory: number; root: string } | { fault: string }> {
  const answer = await ask('docker', 'info', '--format', '{{json .}}');
  if (!answer.installed) return { fault: 'Docker is not installed' };
  const { MemTotal: memory, DockerRootDir: root, ServerVersion: version } = parseJson(answer.stdout) ?? {};
  if (answer.ok && version) return { memory: Number(memory), root: String(root) };
  const reason = answer.stderr.trim().split('\n').pop();
  return { fault: `No Docker engine answers${reason ? `: ${reason}` : ''}` };
}

/** Of the disk that Docker writes to; where that is inside a virtual machine, of the one here, which holds its file. */
async function measureDisk(dockerRoot: string): Promise<number> {
  const { bavail, bsize } = await statfs(existsSync(dockerRoot) ? dockerRoot : '.');
  return bavail * bsize;
}

function findTools(): Promise<Tool[]> {
  const pins = readFileSync('mise.toml', 'utf8').matchAll(/^"aqua:.*\/(\w+)" = "([\d.]+)"/gm);
  return Promise.all(
    [...pins].map(async ([, name = '', wanted = '']) => ({ name, wanted, found: await askVersion(name) })),
  );
}

async function askVersion(tool: string): Promise<string | undefined> {
  const args: Record<string, string[]> = { kubectl: ['version', '--client'], kubeconform: ['-v'] };
  const answer = await ask(tool, ...(args[tool] ?? ['version']));
  return answer.ok ? (/v(\d+\.\d+(\.\d+)?)/.exec(answer.stdout)?.[1] ?? '') : undefined;
}

function readInotify(): Facts['inotify'] {
  const folder = '/proc/sys/fs/inotify';
  if (!existsSync(folder)) return undefined;
  const limit = (name: string) => Number(readFileSync(`${folder}/${name}`, 'utf8'));
  return { max_user_instances: limit('max_user_instances'), max_user_watches: limit('max_user_watches') };
}

function readServices(): { ports: Record<string, number>; fault?: string } {
  try {
    const { services } = loadValues(process.env.ENV || 'local', process.env.SERVICES?.split(/\s+/).filter(Boolean));
    const enabled = Object.entries(services).filter(([, service]) => service.enabled);
    return { ports: Object.fromEntries(enabled.map(([name, { port }]) => [name, port])) };
  } catch (error) {
    return { ports: {}, fault: (error as Error).message };
  }
}

function databasePort(): number {
  return clusterMappings().find(({ containerPort }) => containerPort === DATABASE_NODE_PORT)?.hostPort ?? 0;
}

interface ClusterFile {
  port?: number;
  kindV1Alpha4Cluster?: { nodes: { extraPortMappings?: { hostPort: number; containerPort: number }[] }[] };
}

const clusterFile = (): ClusterFile[] =>
  parseAllDocuments(readFileSync('cluster/ctlptl.yaml', 'utf8')).map((document) => document.toJS());

const clusterMappings = () =>
  clusterFile().flatMap(
    ({ kindV1Alpha4Cluster: kind }) => kind?.nodes.flatMap((node) => node.extraPortMappings ?? []) ?? [],
  );

function findPorts(servicePorts: number[], byCluster: number[], byHost: number[]): Promise<Port[]> {
  const forCluster = [
    ...clusterMappings().map(({ hostPort }) => hostPort),
    ...clusterFile().flatMap(({ port }) => port ?? []),
  ];
  const forHost = [...servicePorts, databasePort()];
  const holder = async (port: number): Promise<Port['holder']> => {
    if (byCluster.includes(port)) return 'the cluster';
    if (!(await isTaken(port))) return 'nobody';
    return byHost.includes(port) ? 'host mode' : 'another program';
  };
  return Promise.all(
    [...new Set([...forCluster, ...forHost])].map(async (port) => ({
      port,
      neededBy: [
        ...(forCluster.includes(port) ? ['cluster' as const] : []),
        ...(forHost.includes(port) ? ['host' as const] : []),
      ],
      holder: await holder(port),
    })),
  );
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
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
  const { stdout } = await ask('docker', 'container', 'inspect', CLUSTER, REGISTRY);
  return ((parseJson(stdout) ?? []) as Inspected[]).map(({ Name, State, NetworkSettings }) => ({
    name: Name.slice(1),
    state: State.Status,
    ports: Object.values(NetworkSettings.Ports).flatMap((hosts) =>
      (hosts ?? []).map(({ HostPort }) => Number(HostPort)),
    ),
  }));
}

// biome-ignore lint/suspicious/noExplicitAny: what other programs print
function parseJson(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function main(): Promise<void> {
  const findings = judge(await gather());
  for (const { mark, text, fix } of findings) console.log(`${mark} ${text}${fix ? `\n  ${fix}` : ''}`);
  process.exitCode = findings.some(({ mark }) => mark === '✗') ? 1 : 0;
}

if (basename(process.argv[1] ?? '') === 'doctor.ts') {
  main().catch((error) => {
    console.error(`✗ ${error.message}`);
    process.exitCode = 1;
  });
}
