import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { chartFile } from '../../scripts/services/folders.ts';
import { copyTemplates } from '../../scripts/services/templates.ts';
import { Copy } from './copy.ts';

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
export function fixtureCopy(...without: string[]): Copy {
  const copy = new Copy();
  removeServices(copy);
  copyTemplates(['service'], 'front', copy.at('services/front'));
  copyTemplates(['service', 'database'], 'store', copy.at('services/store'));
  for (const name of ['front', 'clock']) cpSync(join(FIXTURES, name), copy.at(`services/${name}`), { recursive: true });
  // The template's test is about the template's routes.
  copy.remove('services/front/test');
  listServices(copy, without);
  return copy;
}

function removeServices(copy: Copy): void {
  const folders = (path: string): string[] =>
    readdirSync(copy.at(path)).filter((name) => statSync(copy.at(`${path}/${name}`)).isDirectory());
  for (const name of folders('services')) {
    if (name === LIBRARY) continue;
    copy.remove(`services/${name}`);
    if (existsSync(copy.at(`helm/app/templates/${name}`))) copy.remove(`helm/app/templates/${name}`);
  }
}

/** Writes the values and the chart's folders. */
function listServices(copy: Copy, without: string[]): void {
  for (const file of readdirSync(copy.at('helm/app')).filter((name) => /^values.*\.yaml$/.test(name))) {
    const fixture = join(FIXTURES, file);
    const services = existsSync(fixture) ? parse(readFileSync(fixture, 'utf8')).services : {};
    for (const name of without) delete services[name];
    const known = (names: string[] = []): string[] => names.filter((name) => !without.includes(name));
    for (const service of Object.values<Entry>(services)) if (service.uses) service.uses = known(service.uses);
    copy.replaceServices(`helm/app/${file}`, services);
    for (const name of Object.keys(services)) copy.write(...chartFile(name));
  }
  for (const name of without) copy.remove(`services/${name}`);
}
