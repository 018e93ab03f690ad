/** A machine as a test says it is: what is installed, what runs, which ports are taken. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Migrated } from '../../scripts/host/state.ts';
import { findProcess } from '../../scripts/machine/processes.ts';

const REPOSITORY = resolve('.');

/** What the tools say of themselves at the pinned versions. */
const FITTING: Record<string, string> = {
  helm: 'version.BuildInfo{Version:"v3.21.4", GitCommit:""}',
  kubectl: 'Client Version: v1.34.3',
  kind: 'kind v0.33.0 go1.26.8 linux/amd64',
  ctlptl: 'v0.9.3, built 2026-04-24',
  tilt: 'v0.37.6, built 2026-08-08',
  kubeconform: 'v0.8.0',
  oasdiff: 'oasdiff version 1.38.0',
};

interface Ports {
  gateway: number;
  database: number;
  registry: number;
}

export interface Ended {
  output: string;
  code: number;
}

/** A clone of its own, with free ports, and a PATH on which only what a test installs is found. */
export class Machine {
  readonly root = mkdtempSync(join(tmpdir(), 'doctor-'));
  readonly #bin = join(this.root, 'bin');
  readonly #servers: Server[] = [];
  readonly #processes: ChildProcess[] = [];
  readonly ports: Ports;
  readonly #env = { PATH: this.#bin, HOME: process.env.HOME, XDG_STATE_HOME: join(this.root, 'state') };

  private constructor(ports: Ports) {
    this.ports = ports;
  }

  static async make(): Promise<Machine> {
    // Another one, 10000 higher, is one as well.
    const [gateway = 0, database = 0, registry = 0] = (await freePorts(3)).sort((a, b) => a - b);
    if (gateway > 55_000) return Machine.make();
    const machine = new Machine({ gateway, database, registry });
    machine.#clone();
    return machine;
  }

  #clone(): void {
    for (const folder of ['bin', 'cluster', 'helm/app']) mkdirSync(join(this.root, folder), { recursive: true });
    for (const file of ['mise.toml', 'cluster/namespace.yaml']) cpSync(join(REPOSITORY, file), join(this.root, file));
    const mapping = (port: number, nodePort: number) => `{ hostPort: ${port}, containerPort: ${nodePort} }`;
    this.write(
      'cluster/ctlptl.yaml',
      `kind: Registry\nname: stand-registry\nport: ${this.ports.registry}\n---\nkind: Cluster\nname: kind-stand\n` +
        `kindV1Alpha4Cluster:\n  name: stand\n  nodes:\n    - extraPortMappings: [${mapping(this.ports.gateway, 30080)}, ${mapping(this.ports.database, 30432)}]\n`,
    );
    this.write(
      'helm/app/values.yaml',
      `serviceDefaults: { enabled: true, needs: [], uses: [] }\nservices: { gateway: { port: ${this.ports.gateway} } }\n` +
        'postgresql: { enabled: false }\n',
    );
    this.write('helm/app/values-local.yaml', '{}');
    this.link('node', process.execPath);
    // The stubs are shell scripts.
    this.link('bash', find('bash') ?? 'bash');
  }

  write(file: string, text: string): void {
    mkdirSync(dirname(join(this.root, file)), { recursive: true });
    writeFileSync(join(this.root, file), text);
  }

  remove(file: string): void {
    rmSync(join(this.root, file));
  }

  link(program: string, target: string): void {
    rmSync(join(this.#bin, program), { force: true });
    symlinkSync(target, join(this.#bin, program));
  }

  install(program: string, script: string): void {
    this.write(`bin/${program}`, `#!${find('bash')}\n${script}\n`);
    chmodSync(join(this.#bin, program), 0o755);
  }

  /** Tools that only say their version, and a kubectl that knows the stand's context. */
  installTools(answers: Record<string, string> = {}): void {
    for (const [tool, answer] of Object.entries({ ...FITTING, ...answers }))
      this.install(tool, `[ "$1" = config ] && echo kind-stand || echo '${answer}'`);
  }

  /** A docker whose engine answers as far as the doctor asks it. */
  installDocker(has: { memory?: number; cluster?: string; registry?: string; firewall?: boolean } = {}): void {
    const info = { ServerVersion: '28.0.0', MemTotal: has.memory ?? 2 ** 33, DockerRootDir: '/nowhere' };
    const container = (name: string, status: string | undefined, port: number) => {
      const published = status === 'running' ? { '1/tcp': [{ HostPort: String(port) }] } : {};
      return status ? [{ Name: `/${name}`, State: { Status: status }, NetworkSettings: { Ports: published } }] : [];
    };
    const containers = [
      ...container('stand-control-plane', has.cluster, this.ports.gateway),
      ...container('stand-registry', has.registry, this.ports.registry),
    ];
    this.install(
      'docker',
      `case "$1 $3" in
        info*) echo '${JSON.stringify(info)}' ;;
        'exec getent') echo '192.0.2.1 STREAM host.docker.internal' ;;
        'exec timeout') exit ${has.firewall ? 124 : 0} ;;
        *) echo '${JSON.stringify(containers)}'; exit ${2 - containers.length} ;; esac`,
    );
  }

  /** A kubeconfig with these contexts. */
  kubeconfig(current: string, ...contexts: string[]): string {
    const entries = contexts.map((name) => ({ name, context: { cluster: name, user: name } }));
    this.write(
      'kubeconfig',
      JSON.stringify({ apiVersion: 'v1', kind: 'Config', 'current-context': current, contexts: entries }),
    );
    return join(this.root, 'kubeconfig');
  }

  async listen(port: number): Promise<void> {
    const server = createServer();
    this.#servers.push(server);
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
  }

  /** A process that looks like host mode, and what host mode writes down of itself. */
  async startHostMode(migrated: Record<string, Migrated> = {}): Promise<void> {
    const host = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    this.#processes.push(host);
    const { pid, started } = findProcess(host.pid ?? 0) ?? {};
    const { gateway, database } = this.ports;
    const run = {
      since: Date.now(),
      environment: 'local',
      services: ['gateway'],
      migrated,
      ports: [gateway, database],
    };
    this.write('.stand/host.json', JSON.stringify({ host: { pid, started }, ...run, groups: [] }));
  }

  doctor(env: Record<string, string> = {}): Promise<Ended> {
    return this.make('doctor', env);
  }

  /** The script behind a target of make; `env` has make's arguments too, as make hands them over. */
  make(target: string, env: Record<string, string> = {}): Promise<Ended> {
    return this.run('node', ...scriptOf(target, env));
  }

  /** As make, but it goes on. */
  start(target: string, env: Record<string, string> = {}): ChildProcess {
    const [args, variables] = scriptOf(target, env);
    const options = { cwd: this.root, env: { ...this.#env, ...variables } };
    const child = spawn(join(this.#bin, 'node'), args, options);
    this.#processes.push(child);
    return child;
  }

  run(program: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
    const options = {
      cwd: this.root,
      env: { ...this.#env, ...env },
    };
    return new Promise((done) => {
      const child = execFile(join(this.#bin, program), args, options, (_error, stdout, stderr) =>
        done({ output: stdout + stderr, code: child.exitCode ?? -1 }),
      );
    });
  }

  end(): void {
    for (const server of this.#servers) server.close();
    for (const child of this.#processes) child.kill();
    rmSync(this.root, { recursive: true });
  }
}

/** What node is to be told to run it, and its variables. */
function scriptOf(target: string, env: Record<string, string>): [args: string[], env: Record<string, string>] {
  const typescript = join(REPOSITORY, 'node_modules/ts-node/register');
  const script = join(REPOSITORY, `scripts/make/${target}.ts`);
  const project = { TS_NODE_PROJECT: join(REPOSITORY, 'tsconfig.json') };
  return [['--conditions=source', '--require', typescript, script], { ...project, ...env }];
}

/** Ports that were free a moment ago, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<Server>((done) => {
          const server = createServer().listen(0, '127.0.0.1', () => done(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/** Where this machine has a program. */
export function find(program: string): string | undefined {
  try {
    return execFileSync('which', [program], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}
