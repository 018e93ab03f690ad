/** The services' images as they are released. */
import { readFileSync } from 'node:fs';
import { readNames } from '../facts/names.ts';
import { capture } from '../machine/command.ts';

const BASE_FILE = 'services/Dockerfile';
const RELEASE_TARGETS = ['build', 'prod'];

/** What the Node.js services' Dockerfiles begin with is called so, and then by the target in services/Dockerfile. */
export const baseImages = (): string => `${readNames().name}/node/`;

const docker = (args: string[], input?: string): Promise<string> => capture('docker', args, input);

/** Builds the base images of releases; they stay on this machine. @throws with Docker's words */
export async function buildBaseImages(): Promise<void> {
  const dockerfile = readFileSync(BASE_FILE, 'utf8');
  for (const target of RELEASE_TARGETS)
    await docker(['build', '--target', target, '--tag', `${baseImages()}${target}`, '-'], dockerfile);
}

/** Builds a service's image and pushes it. @returns its digest @throws with Docker's words */
export async function releaseImage(service: string, repository: string, tag: string): Promise<string> {
  const image = `${repository}:${tag}`;
  await docker(['build', '--file', `services/${service}/Dockerfile`, '--target', 'prod', '--tag', image, '.']);
  await docker(['push', '--quiet', image]);
  const digests: string[] = JSON.parse(await docker(['inspect', '--format', '{{json .RepoDigests}}', image]));
  const own = digests.findLast((digest) => digest.startsWith(`${repository}@`));
  if (!own) throw new Error(`Docker knows no digest of ${image}`);
  return own.slice(repository.length + 1);
}
