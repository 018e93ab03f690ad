/** The services' images as they are released. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readNames } from '../facts/names.ts';
import { ask, capture } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';

const BASE_FILE = 'services/Dockerfile';
const RELEASE_TARGETS = ['build', 'prod'];
/** npm's settings, with the tokens of private registries: https://docs.npmjs.com/cli/configuring-npm/npmrc */
export const NPMRC = '.npmrc';

/** What the Node.js services' Dockerfiles begin with is called so, and then by the target in services/Dockerfile. */
export const baseImages = (): string => `${readNames().name}/node/`;

/** What builds get and no image keeps, as Docker writes it: https://docs.docker.com/build/building/secrets/ */
export const buildSecrets = (): string[] => (existsSync(NPMRC) ? [`id=npmrc,src=${resolve(NPMRC)}`] : []);

const docker = (args: string[], input?: string): Promise<string> => capture('docker', args, input);

/**
 * Builds the base images of releases; they stay on this machine.
 * @param platform as Docker writes it, such as linux/arm64; empty for the engine's own
 * @throws with Docker's words, or that this Docker has no secrets
 */
export async function buildBaseImages(platform: string): Promise<void> {
  const dockerfile = await baseDockerfile();
  for (const target of RELEASE_TARGETS)
    await build(platform, ['--target', target, '--tag', `${baseImages()}${target}`, '-'], dockerfile);
}

/**
 * Builds a service's image as it is released, on the base images of that platform.
 * @param root of the repository that has it
 * @throws with Docker's words
 */
export async function buildImage(service: string, image: string, platform: string, root = '.'): Promise<void> {
  const secrets = buildSecrets().flatMap((secret) => ['--secret', secret]);
  const file = join(root, 'services', service, 'Dockerfile');
  await build(platform, [...secrets, '--file', file, '--target', 'prod', '--tag', image, root]);
}

/**
 * Builds a service's image and pushes it.
 * @returns the digest by which the registry has it
 * @throws with Docker's words, or that the registry told no digest
 */
export async function releaseImage(
  service: string,
  repository: string,
  tag: string,
  platform: string,
): Promise<string> {
  const image = `${repository}:${tag}`;
  await buildImage(service, image, platform);
  // Docker remembers the digests of earlier pushes as well; this one's is in what it says now.
  const [, digest] = /\bdigest: (sha256:[0-9a-f]{64})\b/.exec(await docker(['push', image])) ?? [];
  if (!digest) throw new Fault(`The registry told no digest of ${image}`, 'A release names its images by digest only.');
  return digest;
}

const build = (platform: string, args: string[], input?: string): Promise<string> =>
  docker(['build', ...(platform ? ['--platform', platform] : []), ...args], input);

/** The builder of a Docker without buildx knows no mounts, which services/Dockerfile has for secrets alone. */
async function baseDockerfile(): Promise<string> {
  const dockerfile = readFileSync(BASE_FILE, 'utf8');
  if ((await ask('docker', 'buildx', 'version')).ok) return dockerfile;
  if (buildSecrets().length === 0) return dockerfile.replaceAll(/--mount=\S+\s+\\\n\s+/g, '');
  throw new Fault(
    `Docker's buildx is missing, which gives ${NPMRC} to builds`,
    'Install it: https://docs.docker.com/go/buildx/',
  );
}
