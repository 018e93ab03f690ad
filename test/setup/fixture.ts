import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readNames } from '../../scripts/facts/names.ts';
import { nodePortOf } from '../../scripts/facts/ports.ts';
import { chartFile } from '../../scripts/services/folders.ts';
import { copyTemplates } from '../../scripts/services/templates.ts';
import { Copy, LOCAL_VALUES, VALUES } from './copy.ts';

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

/** Makes further services in a copy, on the ports that follow, every third one with tables. @returns their names */
export function addServices(copy: Copy, count: number): string[] {
  const { services }: { services: Record<string, { port: number }> } = parse(copy.read(VALUES));
  const next = Math.max(...Object.values(services).map(({ port }) => port)) + 1;
  const further = Array.from({ length: count }, (_, index) => ({ name: `further-${index}`, port: next + index }));
  const hasTables = (port: number): boolean => port % 3 === 0;
  for (const { name, port } of further) {
    copyTemplates(hasTables(port) ? ['service', 'database'] : ['service'], name, copy.at(`services/${name}`));
    copy.write(...chartFile(name));
  }
  const image = (name: string) => ({ repository: `${readNames().name}/${name}` });
  const entries = further.map(({ name, port }) => [
    name,
    { port, image: image(name), database: { enabled: hasTables(port) } },
  ]);
  const nodePorts = further.map(({ name, port }) => [name, { service: { nodePort: nodePortOf(port) } }]);
  copy.changeServices(VALUES, (services) => Object.assign(services, Object.fromEntries(entries)));
  copy.changeServices(LOCAL_VALUES, (services) => Object.assign(services, Object.fromEntries(nodePorts)));
  return further.map(({ name }) => name);
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
