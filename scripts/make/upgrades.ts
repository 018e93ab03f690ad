/**
 * make upgrades VERSION=1.4.2: what replacing pods costs the users. Installs what `make package` has built beside the
 * stand, and puts a load of 40 requests a second on its services while it replaces their pods in every way that happens
 * in production; then the same with a plain Express app. Prints the requests sent and failed for each, and leaves nothing behind.
 */
import { existsSync } from 'node:fs';
import { packageOf } from '../chart/package.ts';
import { argument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { Fault, run } from '../machine/terminal.ts';
import { type Disruption, killing, ROLLBACK, replacements, restart } from '../measure/disruptions.ts';
import { send, underLoad } from '../measure/load.ts';
import { installPlainApp, PLAIN } from '../measure/plain-app.ts';
import { Trial } from '../measure/trial.ts';

const NAMESPACE = 'upgrades';

run(async () => {
  const trial = await Trial.begin(NAMESPACE, packagedVersion());
  try {
    await replaceServices(trial);
    await replacePlainApp(trial);
  } finally {
    await trial.end();
  }
});

function packagedVersion(): string {
  const version = argument('VERSION');
  if (!version) throw new Fault('VERSION is missing', 'Name what make package has built, as in VERSION=1.4.2');
  const { images } = packageOf(version);
  if (!existsSync(images)) throw new Fault(`${images} is missing`, `Build it with: make package VERSION=${version}`);
  return version;
}

async function replaceServices(trial: Trial): Promise<void> {
  await trial.install();
  const requests = trial.services.map((service) => () => send(trial.url(service)));
  const disruptions = [...trial.services.flatMap(replacementsAndKilling), ROLLBACK];
  for (const disruption of disruptions) await measure(trial, disruption, requests);
  await trial.helm('uninstall', readNames().release, '--wait');
}

const replacementsAndKilling = (service: string): Disruption[] => [...replacements(service), killing(service)];

/** At a port that the services have left. */
async function replacePlainApp(trial: Trial): Promise<void> {
  const url = await installPlainApp(trial);
  for (const disruption of replacements(PLAIN, restart)) await measure(trial, disruption, [() => send(url)]);
}

async function measure(trial: Trial, { name, run }: Disruption, requests: (() => Promise<unknown>)[]): Promise<void> {
  const { sent, failures } = await underLoad(requests, () => run(trial));
  console.log(`${name.padEnd(46)} ${String(sent).padStart(5)} sent ${String(failures.length).padStart(5)} failed`);
  for (const failure of new Set(failures)) console.log(`    ${failure}`);
}
