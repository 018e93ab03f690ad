import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { CHART, readYaml, renderError, VALUES } from './render.ts';

/** What Kubernetes defines and the chart only passes on. */
const PASSED_ON = ['podSecurityContext', 'securityContext', 'affinity'];

interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  [keyword: string]: unknown;
}

describe('the values schema', () => {
  const schema: Schema = readYaml(`${CHART}/values.schema.json`);

  it('describes each value in a sentence', () => {
    const undescribed = properties(schema).filter(([, { description = '' }]) => !/^[A-Z].{4,100}$/.test(description));
    expect(undescribed.map(([path]) => path)).to.deep.equal([]);
  });

  it('lets nothing through beside the values that it knows', () => {
    const open = properties(schema).filter(([, value]) => value.properties && value.additionalProperties !== false);
    expect(open.map(([path]) => path)).to.deep.equal([]);
  });
});

describe('the values', () => {
  needsTools('helm');

  it('are refused where a key is misspelt, whichever it is', () => {
    const error = renderError({ values: misspell(VALUES) });
    const silent = maps(VALUES).filter((path) => !mentions(error, path, 'misspelt'));
    expect(silent).to.deep.equal([]);
  });

  it('are refused where the type is wrong, whichever it is', () => {
    const error = renderError({ values: mistype(VALUES), tag: null });
    const silent = leaves(VALUES).filter((path) => !error.includes(`at '${path}'`));
    expect(silent).to.deep.equal([]);
  });

  const refused: [string, object, string][] = [
    ['serviceDefaults.logLevel', { logLevel: 'loud' }, "at '/serviceDefaults/logLevel': value must be one of"],
    ['serviceDefaults.logFormat', { logFormat: 'pretty' }, "at '/serviceDefaults/logFormat': value must be one of"],
    ['serviceDefaults.service.type', { service: { type: 'ExternalName' } }, "at '/serviceDefaults/service/type'"],
    ['serviceDefaults.service.nodePort', { service: { nodePort: 80 } }, "at '/serviceDefaults/service/nodePort'"],
    ['serviceDefaults.image.digest', { image: { digest: 'sha256:1' } }, "at '/serviceDefaults/image/digest'"],
    ['serviceDefaults.image.pullPolicy', { image: { pullPolicy: 'always' } }, "at '/serviceDefaults/image/pullPolicy'"],
    [
      'serviceDefaults.serviceMonitor.interval',
      { serviceMonitor: { interval: '30 s' } },
      "at '/serviceDefaults/serviceMonitor/interval'",
    ],
    ['serviceDefaults.url', { url: 'store:8081' }, "at '/serviceDefaults/url'"],
    [
      'serviceDefaults.env[].value',
      { env: [{ name: 'N', value: 1 }] },
      "at '/serviceDefaults/env/0/value': got number",
    ],
    ['serviceDefaults.resources.limits', { resources: { limit: { cpu: 1 } } }, "at '/serviceDefaults/resources'"],
  ];
  for (const [path, serviceDefaults, message] of refused) {
    it(`are refused with the path where ${path} can not be so`, () => {
      expect(renderError({ values: { serviceDefaults } })).to.contain(message);
    });
  }

  it('are refused where a service has no port or an impossible name', () => {
    const error = renderError({ values: { services: { payments: { enabled: true }, Pay_Ments: { port: 8083 } } } });
    expect(error).to.contain("at '/services/payments': missing property 'port'");
    expect(error).to.contain("additional properties 'Pay_Ments' not allowed");
  });

  it('are refused where the encryption of the database is unknown', () => {
    const values = { externalDatabase: { sslMode: 'prefer' } };
    expect(renderError({ values })).to.contain("at '/externalDatabase/sslMode': value must be one of");
  });
});

/** All named values of a schema, with their paths, those of its definitions included. */
function properties(schema: Schema, path = ''): [string, Schema][] {
  return Object.entries(schema).flatMap(([keyword, value]): [string, Schema][] => {
    if (value === null || typeof value !== 'object') return [];
    if (keyword !== 'properties') return properties(value as Schema, `${path}/${keyword}`);
    return Object.entries(value as Record<string, Schema>).flatMap(([name, property]): [string, Schema][] => [
      [`${path}/${name}`, property],
      ...properties(property, `${path}/${name}`),
    ]);
  });
}

const isMap = (node: unknown): node is Record<string, unknown> =>
  node !== null && typeof node === 'object' && !Array.isArray(node);

/** The entries that the schema is about. */
const own = (map: Record<string, unknown>) => Object.entries(map).filter(([key]) => !PASSED_ON.includes(key));

const mapOwn = (map: Record<string, unknown>, change: (value: unknown) => unknown) =>
  Object.fromEntries(own(map).map(([key, value]) => [key, change(value)]));

/** The values with one key too many in each map. */
const misspell = (node: unknown): object => (isMap(node) ? { ...mapOwn(node, misspellMap), misspelt: true } : {});
const misspellMap = (node: unknown): unknown => (isMap(node) ? misspell(node) : node);

/** The values with each leaf of another type. */
const mistype = (node: unknown): object => (isMap(node) ? mapOwn(node, mistypeLeaf) : {});
const mistypeLeaf = (node: unknown): unknown => {
  if (isMap(node)) return mistype(node);
  return typeof node === 'string' ? true : 'text';
};

function maps(node: unknown, path = ''): string[] {
  return isMap(node) ? [path, ...own(node).flatMap(([key, value]) => maps(value, `${path}/${key}`))] : [];
}

function leaves(node: unknown, path = ''): string[] {
  return isMap(node) ? own(node).flatMap(([key, value]) => leaves(value, `${path}/${key}`)) : [path];
}

/** Whether helm's error is about this key of this map. */
const mentions = (error: string, path: string, key: string): boolean =>
  error.includes(`at '${path}': additional properties '${key}' not allowed`) || error.includes(`at '${path}/${key}'`);
