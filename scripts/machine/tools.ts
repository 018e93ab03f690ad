/** The command line tools of the stand, at the versions of mise.toml: what is there, and how what is missing comes. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { ask, which } from './command.ts';
import { complain, Fault, say } from './terminal.ts';

export interface Tool {
  name: string;
  /** The version that is installed where it is missing. */
  wanted: string;
  /** Empty for a build that doesn't say its version, undefined when the tool is missing or broken. */
  found: string | undefined;
}

interface Pin {
  name: string;
  wanted: string;
  /** What mise calls it. */
  source: string;
}

const MISE_VERSION = '2026.9.15';
const BIN = resolve('.stand/bin');
/** Of Helm both majors fit: the chart is tested with either. */
const OTHER_MAJORS: Record<string, number[]> = { helm: [4] };
const VERSION_ARGS: Record<string, string[]> = {
  kubectl: ['version', '--client'],
  kubeconform: ['-v'],
  oasdiff: ['--version'],
};
const PAGES: Record<string, string> = {
  helm: 'https://helm.sh/docs/intro/install/',
  kubectl: 'https://kubernetes.io/docs/tasks/tools/',
  kind: 'https://kind.sigs.k8s.io/docs/user/quick-start/#installation',
  ctlptl: 'https://github.com/tilt-dev/ctlptl#how-do-i-install-it',
  tilt: 'https://docs.tilt.dev/install.html',
  kubeconform: 'https://github.com/yannh/kubeconform#installation',
  oasdiff: 'https://github.com/oasdiff/oasdiff#installation',
};
/** Where a Go module proxy is all that can be reached. */
const GO_MODULES: Record<string, (version: string) => { module: string; flags: string }> = {
  helm: (version) => ({
    module: 'helm.sh/helm/v3/cmd/helm',
    flags: `-X helm.sh/helm/v3/internal/version.version=v${version}`,
  }),
  kind: () => ({ module: 'sigs.k8s.io/kind', flags: '' }),
  kubeconform: (version) => ({
    module: 'github.com/yannh/kubeconform/cmd/kubeconform',
    flags: `-X main.version=v${version}`,
  }),
  oasdiff: (version) => ({
    module: 'github.com/oasdiff/oasdiff',
    flags: `-X github.com/oasdiff/oasdiff/build.Version=${version}`,
  }),
};

/** All of them, or those named. */
export function findTools(names: string[] = []): Promise<Tool[]> {
  const pins = readPins().filter(({ name }) => names.length === 0 || names.includes(name));
  return Promise.all(pins.map(async ({ name, wanted }) => ({ name, wanted, found: await findVersion(name) })));
}

/** A tool fits with the same major version, or another one that is as good, and no older minor one. */
export function toolFits({ name, wanted, found }: Tool): boolean {
  if (found === undefined) return false;
  if (found === '') return true;
  const [[major = 0, minor = 0], [wantedMajor = 0, wantedMinor = 0]] = [numbers(found), numbers(wanted)];
  return OTHER_MAJORS[name]?.includes(major) || (major === wantedMajor && minor >= wantedMinor);
}

/** What is there of a tool, in a few words. */
export function describeTool({ name, wanted, found }: Tool): string {
  if (found === undefined) return `${name} is missing`;
  if (found === '') return `${name}, a build that doesn't say its version`;
  return toolFits({ name, wanted, found }) ? `${name} ${found}` : `${name} is ${found}; ${wanted} is wanted`;
}

/**
 * What helm upgrade is told so that values win over what kubectl scale or an autoscaler has set meanwhile, with either
 * major: Helm 4 applies server-side, and then refuses what others have changed.
 */
export async function upgradeFlags(): Promise<string[]> {
  const version = await findVersion('helm');
  return version?.startsWith('4.') ? ['--server-side=true', '--force-conflicts'] : [];
}

/** @throws {Fault} naming the first tool that is not on PATH */
export function needTools(...names: string[]): void {
  const missing = names.find((name) => !which(name));
  if (missing) throw new Fault(`${missing} is missing`, 'Install it with: make tools');
}

/** Installs into .stand/bin what PATH lacks, and says so; nothing else on the machine changes. Returns what still lacks. */
export async function installTools(names: string[] = []): Promise<string[]> {
  const missing = (await findTools(names)).filter((tool) => !toolFits(tool));
  const failed = missing.filter((tool) => !install(tool));
  return failed.map(({ name }) => name);
}

function readPins(): Pin[] {
  const lines = readFileSync('mise.toml', 'utf8').matchAll(/^"(\w+:.*\/(\w+))" = "([\d.]+)"/gm);
  return [...lines].map(([, source = '', name = '', wanted = '']) => ({ name, wanted, source }));
}

async function findVersion(name: string): Promise<string | undefined> {
  const { ok, stdout } = await ask(name, ...(VERSION_ARGS[name] ?? ['version']));
  return ok ? (/v(?:ersion )?(\d+\.\d+(\.\d+)?)/.exec(stdout)?.[1] ?? '') : undefined;
}

const numbers = (version: string): number[] => version.split('.').map(Number);

function install(tool: Tool): boolean {
  const { name, wanted } = tool;
  say(`  ${describeTool(tool)}: installing ${wanted} into .stand/bin …`);
  mkdirSync(BIN, { recursive: true });
  if (installByMise(name) || installByGo(name, wanted)) return true;
  complain(
    new Fault(
      `${name} ${wanted} can't be downloaded here (.stand/tools-${name}.log says why)`,
      `Put it on PATH: ${PAGES[name]}`,
    ),
  );
  return false;
}

function installByMise(name: string): boolean {
  const pin = readPins().find((each) => each.name === name);
  if (!pin || !runMise(name, 'install', `${pin.source}@${pin.wanted}`).ok) return false;
  const path = runMise(name, 'which', name).stdout.trim();
  if (!path) return false;
  rmSync(`${BIN}/${name}`, { force: true });
  // Relative, so that it holds when the folder moves.
  symlinkSync(relative(BIN, path), `${BIN}/${name}`);
  return true;
}

/** mise from npm's package for this platform: the one that picks the platform needs an install script. */
function runMise(name: string, ...args: string[]): { ok: boolean; stdout: string } {
  const log = openSync(`.stand/tools-${name}.log`, 'a');
  const mise = `@jdxcode/mise-${process.platform}-${process.arch}@${MISE_VERSION}`;
  const { status, stdout } = spawnSync('npx', ['--yes', mise, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...miseEnvironment() },
    stdio: ['ignore', 'pipe', log],
  });
  closeSync(log);
  return { ok: status === 0, stdout: stdout ?? '' };
}

/** No folder, global file or parent's file of the user's own mise is read or written. */
function miseEnvironment(): Record<string, string> {
  const state = resolve('.stand/mise');
  return {
    MISE_DATA_DIR: `${state}/data`,
    MISE_CACHE_DIR: `${state}/cache`,
    MISE_STATE_DIR: `${state}/state`,
    MISE_CONFIG_DIR: `${state}/config`,
    MISE_GLOBAL_CONFIG_FILE: `${state}/config/config.toml`,
    MISE_SYSTEM_CONFIG_DIR: `${state}/system`,
    MISE_SYSTEM_DATA_DIR: `${state}/system`,
    MISE_CEILING_PATHS: dirname(process.cwd()),
    MISE_TRUSTED_CONFIG_PATHS: resolve('mise.toml'),
    MISE_DISABLE_TOOLS: 'node',
    MISE_YES: '1',
  };
}

function installByGo(name: string, version: string): boolean {
  const source = GO_MODULES[name]?.(version);
  if (!source || !which('go')) return false;
  say(`  The release of ${name} can't be downloaded; building it, which takes some minutes …`);
  rmSync(`${BIN}/${name}`, { force: true });
  const args = ['install', '-trimpath', '-ldflags', `-s -w ${source.flags}`, `${source.module}@v${version}`];
  const env = { ...process.env, GOBIN: BIN, GOFLAGS: '', CGO_ENABLED: '0' };
  return spawnSync('go', args, { env, stdio: ['ignore', 2, 2] }).status === 0;
}
