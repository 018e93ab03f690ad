import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { chartFile } from '../../scripts/services/folders.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { needsTools } from '../setup/needs.ts';
import { CHART, readYaml, renderText } from './render.ts';

/** Strings that YAML, 1.1 as Go reads it or 1.2, takes for something else where they are not quoted. */
const STRINGS = [
  ...['20261125', '0123', '1e3', '0x1F', '1_000', '1.10', '12:30:45', '.inf', '2026-11-25'],
  ...['on', 'No', 'y', 'true', 'null', '~', '='],
  ...[' #x', 'a: b', '- a', '"', '\\', '{{ x }}', '[a', '*a', '!a', '|', ' a ', 'a\nb\n', 'é<&>'],
];
/** Go writes it as 1.00000007e+09 where nobody tells it not to. */
const NUMBER = 1_000_000_070;
/** Strings with a pattern that no mark of this test has, nor anything odd. */
const NEVER_ODD = [
  'services.store.url',
  'services.store.endpoint.address',
  'services.store.image.digest',
  'services.store.serviceMonitor.interval',
  'postgresql.image',
];
/** The names of services, which a test of their own is about. */
const NAMES = ['needs', 'uses'];

interface Schema {
  $ref?: string;
  type?: string | string[];
  pattern?: string;
  maximum?: number;
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
}

/** Gives the string or number for a path; undefined leaves it to the chart. */
type Fill = (path: string, schema: Schema) => string | number | undefined;

const root: { properties: Record<string, Schema>; definitions: Record<string, Schema> } = readYaml(
  `${CHART}/values.schema.json`,
);

/** All values of the schema; those that exclude each other are in different scenarios. */
const SCENARIOS: Record<string, (fill: Fill) => object> = {
  'an external database, autoscaled': (fill) => ({
    postgresql: { enabled: false },
    externalDatabase: sample('externalDatabase', root.properties.externalDatabase, fill),
    services: { store: sampleService(fill), front: { database: { enabled: true } } },
  }),
  'PostgreSQL in the cluster, not autoscaled': (fill) => ({
    postgresql: sample('postgresql', root.properties.postgresql, fill),
    services: {
      store: { ...sampleService(fill), autoscaling: { enabled: false } },
      front: { database: { enabled: true } },
    },
  }),
};

const LEAVES = new Map<string, Schema>();
for (const values of Object.values(SCENARIOS)) values((path, schema) => void LEAVES.set(path, schema));
const PATHS = [...LEAVES.keys()];

describe('odd values', () => {
  needsTools('helm');

  it('arrive in the objects, each of them, and numbers whole', () => {
    const text = Object.values(SCENARIOS)
      .map((values) => renderText({ values: values(markOf) }))
      .join();
    const lost = PATHS.filter((path) => !text.includes(String(markOf(path))));
    expect(lost).to.have.members(NEVER_ODD);
    expect(PATHS.length).to.be.greaterThan(100);
  });

  for (const [scenario, values] of Object.entries(SCENARIOS)) {
    describe(`of ${scenario}`, () => {
      let marked: string;
      before(() => {
        marked = renderText({ values: values(markOf) });
      });

      for (const string of STRINGS)
        it(`arrive as they are: ${JSON.stringify(string)}`, () => {
          const fill: Fill = (path) => {
            const mark = markOf(path);
            return typeof mark === 'string' && fits(path, string) ? string : mark;
          };
          const odd = renderText({ values: values(fill) });
          for (const version of ['1.1', '1.2'] as const) {
            const expected = JSON.stringify(parse(marked, version)).replace(/m(\d+)m/g, (_, index) =>
              JSON.stringify(fill(PATHS[index] ?? '', {})).slice(1, -1),
            );
            expect(parse(odd, version)).to.deep.equal(JSON.parse(expected));
          }
        });
    });
  }

  it('arrive as names of services, releases and namespaces', () => {
    const chart = fixtureCopy();
    const named = (service: string, release: string): string => {
      chart.write(...chartFile(service));
      const own = { port: 8083, image: { repository: '12' }, needs: ['store'], ingress: { hosts: ['a'] } };
      const values = { services: { front: { needs: [service] }, [service]: own } };
      const text = renderText({ environment: 'prod', folder: chart.at('helm/app'), tag: '30', values, release });
      chart.remove(`helm/app/templates/${service}`);
      return JSON.stringify(parse(text, '1.1'));
    };
    const plain = named('nn', 'acme')
      .replace(/\bnn\b/g, 'no')
      .replaceAll('NN_URL', 'NO_URL')
      .replaceAll('acme', '0123');
    expect(JSON.parse(named('no', '0123'))).to.deep.equal(JSON.parse(plain));
    chart.remove();
  });

  it('are sizes given as numbers', () => {
    const memory = 1_073_741_824;
    const values = { serviceDefaults: { resources: { limits: { memory } } }, postgresql: { storage: memory } };
    const text = renderText({ values });
    expect(text).to.contain(`memory: ${memory}`).and.to.contain(`storage: ${memory}`);
  });
});

/** By which the value of a path is found wherever it arrives. */
function markOf(path: string): string | number | undefined {
  const { type, maximum = NUMBER } = LEAVES.get(path) ?? {};
  const index = PATHS.indexOf(path);
  if (type === 'integer') return maximum - index;
  const mark = `m${index}m`;
  return fits(path, mark) ? mark : undefined;
}

function fits(path: string, string: string): boolean {
  return new RegExp(LEAVES.get(path)?.pattern ?? '').test(string);
}

function sampleService(fill: Fill): object {
  return { ...Object(sample('services.store', root.definitions.service, fill)) };
}

/** A value for all that a schema knows; of what Kubernetes defines, an object with the string in each place. */
function sample(path: string, of: Schema | undefined, fill: Fill): object | string | number | boolean | undefined {
  const schema = resolve(of);
  const { properties, items, additionalProperties, type = '' } = schema;
  if (properties) {
    const known = Object.entries(properties).filter(([key]) => !NAMES.includes(key));
    return Object.fromEntries(known.map(([key, child]) => [key, sample(`${path}.${key}`, child, fill)]));
  }
  if (items) return [sample(`${path}[]`, items, fill)];
  const string = (key: string) => String(fill(`${path}.${key}`, { type: 'string' }));
  if (typeof additionalProperties === 'object')
    return { [string('KEY')]: sample(`${path}.VALUE`, additionalProperties, fill) };
  if (type === 'object')
    return {
      ...{ name: string('name'), mountPath: string('mountPath'), number: fill(`${path}.number`, { type: 'integer' }) },
      [string('KEY')]: [{ [string('[].KEY')]: string('[].VALUE') }],
    };
  if (type === 'boolean') return true;
  return type.includes('string') || type === 'integer' ? fill(path, schema) : undefined;
}

/** What a reference or the first choice stands for. */
function resolve({ $ref = '', anyOf: [first] = [], ...own }: Schema = {}): Schema {
  const other = $ref ? root.definitions[$ref.replace('#/definitions/', '')] : first;
  return other ? resolve({ ...other, ...own }) : own;
}

const parse = (text: string, version: '1.1' | '1.2'): unknown[] =>
  parseAllDocuments(text, { version }).map((document) => document.toJS());
