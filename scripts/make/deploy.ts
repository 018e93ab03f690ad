/**
 * make deploy: shows what a packaged version would change in a live release, asks, upgrades, tests.
 * The kube context is named, so that the one that happens to be selected is never deployed to. A failed upgrade leaves
 * the old pods serving; it says what is not ready and the way back.
 */
import { existsSync } from 'node:fs';
import { packageOf } from '../chart/package.ts';
import {
  type Content,
  checkPlace,
  findUnready,
  isDeployed,
  listObjects,
  type Release,
  readLive,
  render,
  test,
  upgrade,
  whereOf,
} from '../cluster/release.ts';
import { argument, listArgument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { checkEnvironment, valuesFile } from '../facts/values.ts';
import { showDifference } from '../machine/difference.ts';
import { confirm, Fault, run } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

run(async () => {
  const environment = argument('ENV');
  const version = argument('VERSION');
  const content = readContent(environment, version);
  const release = readRelease();
  needTools('helm', 'kubectl');
  await checkPlace(release);

  const { name, namespace, context } = release;
  console.log(`${environment} ${version} → release ${name}, namespace ${namespace}, context ${context}`);
  if (!(await showChanges(release, content, version)) && (await isDeployed(release)))
    return console.log('✓ nothing to change');
  if (!(await confirm('Deploy this?'))) throw new Fault('Nothing was deployed');
  await upgrade(release, content, argument('TIMEOUT') || '5m').catch((error) => explain(release, error));
  await test(release);
  console.log(`✓ ${environment} runs ${version}`);
});

function readContent(environment: string, version: string): Content {
  if (environment === '' || environment === 'local')
    throw new Fault(
      environment ? 'ENV=local is what make dev runs' : 'ENV is missing',
      'Name the environment: ENV=staging or ENV=prod',
    );
  checkEnvironment(environment);
  if (!version) throw new Fault('VERSION is missing', 'Name what make package has built, as in VERSION=1.4.2');
  const { chart, images } = packageOf(version);
  if (!existsSync(chart) || !existsSync(images))
    throw new Fault(`${chart} or ${images} is missing`, `Build them with: make package VERSION=${version}`);
  const own = listArgument('VALUES');
  const absent = own.find((file) => !existsSync(file));
  if (absent) throw new Fault(`VALUES names ${absent}, which is not there`);
  return { chart, values: [valuesFile(environment), images, ...own] };
}

function readRelease(): Release {
  const names = readNames();
  const context = argument('CONTEXT');
  if (!context)
    throw new Fault('CONTEXT is missing', 'Name the kube context to deploy to. The selected one is never assumed.');
  return {
    name: argument('RELEASE') || names.release,
    namespace: argument('NAMESPACE') || names.namespace,
    context,
  };
}

/** Whether there are any. */
async function showChanges(release: Release, content: Content, version: string): Promise<boolean> {
  const [live, wanted] = await Promise.all([readLive(release), render(release, content)]);
  if (live !== undefined) return showDifference(['live', live], [version, wanted]);
  console.log(`There is no release ${release.name} in ${release.namespace} yet. It will have:`);
  for (const object of listObjects(wanted)) console.log(`  ${object}`);
  return true;
}

async function explain(release: Release, error: Error): Promise<never> {
  const unready = (await findUnready(release).catch(() => [])).flatMap((pod) => pod.split('\n'));
  const said = unready.length > 0 ? ['The release did not become ready. Not ready are:', ...unready] : [];
  throw new Fault(
    [error.message, ...said].join('\n  '),
    `Back to what was: helm rollback ${release.name} ${whereOf(release).join(' ')} --wait`,
  );
}
