/** What counts as a Docker engine: one that answers as Docker does, on this machine. */
import { ask } from './command.ts';
import { parseObject } from './json.ts';

/** Memory in bytes and the folder of its data, or one sentence that says why there is no engine. */
export type Engine = { memory: number; root: string } | { fault: string };

export const isEngine = (engine: Engine): engine is { memory: number; root: string } => 'memory' in engine;

export async function findEngine(): Promise<Engine> {
  const { installed, ok, stdout, stderr } = await ask('docker', 'info', '--format', '{{json .}}');
  if (!installed) return { fault: 'Docker is not installed' };
  const { ServerVersion, MemTotal, DockerRootDir } = parseObject(stdout);
  if (ok && ServerVersion) return (await findRemoteness()) ?? { memory: Number(MemTotal), root: String(DockerRootDir) };
  // Podman's docker command answers in its own way, and ctlptl makes no cluster with it.
  if (ok && stdout.trim()) return { fault: 'No Docker engine answers: what docker runs here is another program' };
  const reason = stderr.trim().split('\n').pop();
  return { fault: `No Docker engine answers${reason ? `: ${reason}` : ''}` };
}

/** Whether Docker has a container of this name, running or not. */
export const hasContainer = async (name: string): Promise<boolean> =>
  (await ask('docker', 'container', 'inspect', name)).ok;

/** Whether Docker says that it has none, rather than nothing. */
export async function lacksContainer(name: string): Promise<boolean> {
  const { installed, ok, stderr } = await ask('docker', 'container', 'inspect', name);
  return !installed || (!ok && /no such container/i.test(stderr));
}

/** An engine elsewhere maps its ports to another machine's localhost. */
async function findRemoteness(): Promise<{ fault: string } | undefined> {
  const context = process.env.DOCKER_HOST
    ? process.env.DOCKER_HOST
    : (await ask('docker', 'context', 'inspect', '--format', '{{.Endpoints.docker.Host}}')).stdout.trim();
  const isRemote = /^(ssh|tcp|https?):/.test(context) && !/^\w+:\/\/(127\.|localhost|\[::1\])/.test(context);
  return isRemote ? { fault: `The Docker engine is on another machine: ${context}` } : undefined;
}
