import { expect } from 'chai';
import { flowchart, withGraph } from '../../scripts/chart/graph.ts';
import { loadDefaults, type ServiceValues } from '../../scripts/facts/values.ts';
import { fixtureCopy } from '../setup/fixture.ts';

type Own = Partial<Omit<ServiceValues, 'database'>> & { database?: Partial<ServiceValues['database']> };

const BASE = { enabled: true, url: '', logLevel: 'info', env: [], migrateCommand: [], image: { repository: '' } };
const DATABASE = { enabled: false, seed: false, poolSize: 5, host: '', name: '' };

/** Services with the defaults filled in, at ports from 8080 on. */
function services(all: Record<string, Own>): Record<string, ServiceValues> {
  const entries = Object.entries(all).map(([name, { database, ...own }], index) => {
    return [name, { ...BASE, port: 8080 + index, needs: [], uses: [], ...own, database: { ...DATABASE, ...database } }];
  });
  return Object.fromEntries(entries);
}

describe('the graph', () => {
  it('has services with their ports, what they need and use, and the database, as the values say', () => {
    const [clone, copy] = [process.cwd(), fixtureCopy()];
    process.chdir(copy.root);
    const { services } = loadDefaults();
    process.chdir(clone);
    copy.remove();
    expect(flowchart(services)).to.equal(`flowchart LR
  service_front["front :8080"]
  service_store["store :8081"]
  service_clock["clock :8082"]
  database_1[("PostgreSQL")]
  service_front --> service_store
  service_front -.-> service_clock
  service_store --- database_1`);
  });

  it('has each database once, with the services that share it', () => {
    const own = { enabled: true, host: 'own.example.com', name: 'own' };
    const text = flowchart(
      services({
        a: { database: { enabled: true } },
        b: { database: own },
        c: { database: { enabled: true } },
        d: { database: own },
        e: { database: { ...own, enabled: false } },
      }),
    );
    expect(text.match(/database_\d\[.*/g)).to.deep.equal([
      'database_1[("PostgreSQL")]',
      'database_2[("own.example.com/own")]',
    ]);
    expect(text.match(/\w+ --- \w+/g)).to.deep.equal([
      'service_a --- database_1',
      'service_b --- database_2',
      'service_c --- database_1',
      'service_d --- database_2',
    ]);
  });

  it('has nothing in it that Mermaid would misread: words of its own, arrows in names, quotes', () => {
    const database = { enabled: true, host: 'a"]#<b>`;' };
    const text = flowchart(services({ end: { needs: ['a--b'], database }, 'a--b': { uses: ['end'] } }));
    expect(text.split('\n').slice(1)).to.deep.equal([
      '  service_end["end :8080"]',
      '  service_a__b["a--b :8081"]',
      '  database_1[("a#34;#93;#35;#60;b#62;#96;#59;")]',
      '  service_end --> service_a__b',
      '  service_a__b -.-> service_end',
      '  service_end --- database_1',
    ]);
  });

  it('is empty where there is no service', () => expect(flowchart({})).to.equal('flowchart LR'));

  it('takes the place of the one before in README, and no place where there is none', () => {
    const readme = (graph: string): string => `# A\n\n<!-- graph: written -->\n${graph}<!-- graph ends -->\n\nB\n`;
    const expected = readme(`\`\`\`mermaid\n${flowchart(services({ a: {} }))}\n\`\`\`\n`);
    const once = withGraph(readme(''), services({ a: {} }));
    expect(once).to.equal(expected);
    expect(withGraph(withGraph(once, services({ b: {}, $1: {} })), services({ a: {} }))).to.equal(expected);
    expect(withGraph('# A\n', services({ a: {} }))).to.equal('# A\n');
  });
});
