/** make package: the prod image of every service, pushed to a registry, and the chart that runs them, in dist/. */
import { isVersion, packageOf, writePackage } from '../chart/package.ts';
import { buildBaseImages, releaseImage } from '../cluster/images.ts';
import { argument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { loadDefaults } from '../facts/values.ts';
import { ask, capture } from '../machine/command.ts';
import { Fault, run, say } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

/** Docker's os/architecture[/variant]. */
const PLATFORM = /^[a-z0-9]+(\/[a-z0-9]+){1,2}$/;

run(async () => {
  const version = argument('VERSION');
  const registry = argument('REGISTRY') || readNames().registry.address;
  const platform = argument('PLATFORM');
  if (!isVersion(version))
    throw new Fault('VERSION is missing or no semantic version', 'Name the version to build, as in VERSION=1.4.2');
  if (platform && !PLATFORM.test(platform))
    throw new Fault(`PLATFORM is one platform, not ${platform}`, 'Name it as Docker does: PLATFORM=linux/arm64');
  needTools('helm');
  // Unlike the cluster's, the engine that builds may be on another machine.
  if (!(await ask('docker', 'info')).ok) throw new Fault('No Docker engine answers', 'Start Docker, then try again.');
  say('== types, which the images are built without checking');
  await capture('npm', ['run', '--silent', 'types']);

  await writePackage(version, registry, await releaseImages(version, registry, platform));
  const { chart, images } = packageOf(version);
  say(`✓ ${chart}, ${images}`);
});

/** The images' digests, by service. */
async function releaseImages(version: string, registry: string, platform: string): Promise<Record<string, string>> {
  const digests: Record<string, string> = {};
  await buildBaseImages(platform);
  for (const [name, { image }] of Object.entries(loadDefaults().services)) {
    const repository = `${registry}/${image.repository}`;
    // A tag has no +.
    const tag = version.replace('+', '_');
    say(`== ${repository}:${tag}`);
    digests[name] = await releaseImage(name, repository, tag, platform);
  }
  return digests;
}
