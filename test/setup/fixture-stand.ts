import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { chartFile } from '../../scripts/services/folders.ts';
import { copyTemplates } from '../../scripts/services/templates.ts';
import { StandCopy } from './stand-copy.ts';

const FIXTURES = 'test/fixtures/services';
const LIBRARY = 'chassis';

interface Entry {
  uses?: string[];
}

/**
 * A copy of the repository whose services are replaced by three small ones, so that no test of the stand needs those
 * that a team has: `front` (8080) has a page, needs `store` and uses `clock`; `store` (8081), from the templates, has
 * a database; `clock` (8082) is in Python. `without` leaves some of them out.
 */
export function fixtureStand(...without: string[]): StandCopy {
  const stand = new StandCopy();
  removeServices(stand);
  copyTemplates(['service'], 'front', stand.at('services/front'));
  copyTemplates(['service', 'database'], 'store', stand.at('services/store'));
  for (const name of ['front', 'clock'])
    cpSync(join(FIXTURES, name), stand.at(`services/${name}`), { recursive: true });
  // The template's test is about the template's routes.
  stand.remove('services/front/test');
  listServices(stand, without);
  return stand;
}

function removeServices(stand: StandCopy): void {
  const folders = (path: string): string[] =>
    readdirSync(stand.at(path)).filter((name) => statSync(stand.at(`${path}/${name}`)).isDirectory());
  for (const name of folders('services')) {
    if (name === LIBRARY) continue;
    stand.remove(`services/${name}`);
    if (existsSync(stand.at(`helm/app/templates/${name}`))) stand.remove(`helm/app/templates/${name}`);
  }
}

/** Writes the values and the chart's folders. */
function listServices(stand: StandCopy, without: string[]): void {
  for (const file of readdirSync(stand.at('helm/app')).filter((name) => /^values.*\.yaml$/.test(name))) {
    const fixture = join(FIXTURES, file);
    const services = existsSync(fixture) ? parse(readFileSync(fixture, 'utf8')).services : {};
    for (const name of without) delete services[name];
    const known = (names: string[] = []): string[] => names.filter((name) => !without.includes(name));
    for (const service of Object.values<Entry>(services)) if (service.uses) service.uses = known(service.uses);
    stand.replaceServices(`helm/app/${file}`, services);
    for (const name of Object.keys(services)) stand.write(...chartFile(name));
  }
  for (const name of without) stand.remove(`services/${name}`);
}
