import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { generate, leaves, type Node, nodesOf, type Schema } from '../../scripts/chart/reference.ts';
import { readYaml } from './render.ts';

const CHART = 'helm/app';

describe('the chart’s documents', () => {
  for (const [file, text] of Object.entries(generate()))
    it(`${file} is current`, () => expect(readFileSync(file, 'utf8'), 'run make docs').to.equal(text));

  describe('the values reference', () => {
    const text = readFileSync('docs/values.md', 'utf8');
    /** The values of the tables, by their paths: those of a service without `serviceDefaults` or its name in front. */
    const documented = new Set([...text.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, path]) => path ?? ''));

    it('describes each value of the schema', () => {
      const schema: Schema = readYaml(`${CHART}/values.schema.json`);
      const values = nodesOf(schema, schema).filter(({ group }) => !group);
      const pathOf = ({ path: [top = '', ...rest] }: Node): string =>
        (top === 'serviceDefaults' ? rest : [top, ...rest]).join('.');
      const isService = ({ path }: Node): boolean => path[0] === 'services';
      const missing = values.filter(
        (node) => !isService(node) && !(node.schema.description && documented.has(pathOf(node))),
      );
      expect(missing.map(pathOf)).to.deep.equal([]);
    });

    it('has each value of values.yaml', () => {
      const { serviceDefaults, services, ...others } = readYaml(`${CHART}/values.yaml`);
      const paths = [serviceDefaults, others, ...Object.values(services)].flatMap((values) => leaves(values));
      // A value may hold a map of any keys, such as resources.limits.
      const isDocumented = (path: string[]): boolean =>
        path.some((_, index) => documented.has(path.slice(0, index + 1).join('.')));
      expect(paths.filter((path) => !isDocumented(path)).map((path) => path.join('.'))).to.deep.equal([]);
    });
  });
});
