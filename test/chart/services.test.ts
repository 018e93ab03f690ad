import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { dangling } from './references.ts';
import {
  container,
  environmentOf,
  find,
  type Manifest,
  NAMES,
  type Options,
  ofKind,
  render,
  renderError,
  SERVICES,
} from './render.ts';

/** What one service has in production. */
const KINDS = [
  'Deployment',
  'HorizontalPodAutoscaler',
  ...['NetworkPolicy', 'NetworkPolicy'],
  'Pod',
  'PodDisruptionBudget',
  ...['Service', 'Service'],
  'ServiceAccount',
];

const off = (name: string, url = '') => ({ services: { [name]: { enabled: false, url } } });

describe('a service', () => {
  needsTools('helm');

  for (const name of NAMES) {
    it(`${name} has all its objects when it is on, and none when it is off`, () => {
      const elsewhere = `https://${name}.example.com`;
      expect(objectsOf(name, render({ environment: 'prod' }))).to.have.members(KINDS);
      expect(objectsOf(name, render({ environment: 'prod', values: off(name, elsewhere) }))).to.deep.equal([]);
    });
  }

  it('does not render without one that it needs, and says which and what to do', () => {
    const error = renderError({ values: { services: { store: { enabled: false } } } });
    expect(error).to.contain(
      'services.front needs store, which is disabled: enable services.store, set services.store.url, or disable services.front',
    );
  });

  it('finds one that it needs elsewhere', () => {
    const manifests = render({ environment: 'prod', values: off('store', 'https://store.example.com') });
    expect(urlsOf('front', manifests)).to.include({ STORE_URL: 'https://store.example.com' });
  });

  it('does without one that it only uses', () => {
    const manifests = render({ environment: 'prod', values: off('clock') });
    expect(urlsOf('front', manifests)).to.deep.equal({ STORE_URL: 'http://store:8081' });
    expect(dangling(manifests)).to.deep.equal([]);
  });

  it('does not render when it names one that does not exist', () => {
    const values = { services: { front: { uses: ['payments'] } } };
    expect(renderError({ values })).to.contain('services.front names payments, which is not one of services');
  });

  it('does not render when its folder is left in the chart but its values are not', () => {
    expect(renderError({ values: { services: { clock: null, front: { uses: [] } } } })).to.contain(
      'services.clock is not',
    );
  });

  it('is not exposed without a host name or a Gateway', () => {
    const exposed = (kind: string) => ({ values: { services: { front: { [kind]: { enabled: true } } } } });
    expect(renderError(exposed('ingress'))).to.contain('services.front.ingress.hosts is required');
    expect(renderError(exposed('httpRoute'))).to.contain('services.front.httpRoute.parentRefs is required');
  });

  it('has its own values on top of the defaults, even when they are false, 0 or empty', () => {
    const values = {
      serviceDefaults: {
        topologySpread: { enabled: true },
        tolerations: [{ operator: 'Exists' }],
        priorityClassName: 'high',
      },
      services: {
        store: { topologySpread: { enabled: false }, tolerations: [], priorityClassName: '', replicas: 0 },
      },
    };
    const manifests = render({ values });
    const own = ['topologySpreadConstraints', 'tolerations', 'priorityClassName'];
    expect(find(manifests, 'Deployment', 'front').spec.template.spec).to.include.keys(own);
    expect(find(manifests, 'Deployment', 'store').spec.template.spec).to.not.have.any.keys(own);
    expect(find(manifests, 'Deployment', 'store').spec.replicas).to.equal(0);
  });
});

describe('the log', () => {
  needsTools('helm');
  /** What a service reads, and its migration. */
  function variables(name: string, options: Options): (string | undefined)[] {
    const { containers, initContainers } = find(render(options), 'Deployment', 'store').spec.template.spec;
    return [...containers, ...initContainers].map((container) => environmentOf(container)[name]);
  }

  it('is for people locally and for machines elsewhere, that of migrations too', () => {
    expect(variables('LOG_FORMAT', { environment: 'local' })).to.deep.equal(['text', 'text']);
    for (const environment of ['staging', 'prod'])
      expect(variables('LOG_FORMAT', { environment })).to.deep.equal(['json', 'json']);
  });

  it('has colours only where they are asked for, and as a service has them itself', () => {
    const coloured = { serviceDefaults: { logColors: true } };
    const own = (store: object) => ({ values: { ...coloured, services: { store } } });
    expect(variables('FORCE_COLOR', {})).to.deep.equal([undefined, undefined]);
    expect(variables('FORCE_COLOR', { values: coloured })).to.deep.equal(['1', '1']);
    expect(variables('FORCE_COLOR', own({ logColors: false }))).to.deep.equal([undefined, undefined]);
    expect(variables('FORCE_COLOR', own({ env: [{ name: 'FORCE_COLOR', value: '0' }] }))).to.deep.equal(['0', '0']);
  });
});

describe('the page of an API', () => {
  needsTools('helm');
  const variableOf = (options: Options) => environmentOf(container(render(options), 'store')).API_DOCS;

  it('is there locally, and elsewhere only where it is asked for', () => {
    expect(variableOf({ environment: 'local' })).to.equal('1');
    for (const environment of ['staging', 'prod']) {
      expect(variableOf({ environment })).to.equal(undefined);
      expect(variableOf({ environment, values: { services: { store: { apiDocs: true } } } })).to.equal('1');
    }
  });
});

describe('the image', () => {
  needsTools('helm');
  const { repository } = SERVICES.store.image;
  const digest = `sha256:${'0'.repeat(64)}`;
  const imageOf = (options: Options) => container(render(options), 'store').image;
  const withImage = (image: object) => ({ services: { store: { image } } });

  it('has the tag of the deployment', () => {
    expect(imageOf({ tag: '1.4.2' })).to.equal(`${repository}:1.4.2`);
  });

  it('has the service’s own tag rather than the default one', () => {
    expect(imageOf({ values: withImage({ tag: '2.0.0' }) })).to.equal(`${repository}:2.0.0`);
  });

  it('has the digest rather than any tag', () => {
    expect(imageOf({ values: withImage({ tag: 'latest', digest }) })).to.equal(`${repository}@${digest}`);
  });

  it('needs a tag or a digest', () => {
    expect(renderError({ environment: 'prod', tag: '' })).to.match(
      /services\.\w+ needs an image: set serviceDefaults\.image\.tag, services\.\w+\.image\.tag or services\.\w+\.image\.digest/,
    );
  });

  it('needs a repository', () => {
    expect(renderError({ values: withImage({ repository: '' }) })).to.contain(
      'services.store.image.repository is required',
    );
  });

  it('is never the latest', () => {
    expect(renderError({ values: withImage({ tag: 'latest' }) })).to.contain(
      'services.store.image.tag is latest: name the version to run',
    );
  });
});

describe('production', () => {
  needsTools('helm');
  const replicas = (replicas: number, autoscaling = {}) => ({ values: { serviceDefaults: { replicas, autoscaling } } });
  const budgets = (options: Options) =>
    ofKind(render(options), 'PodDisruptionBudget').map(({ metadata }) => metadata.name);

  it('has two pods of each service at least, and the autoscaler alone decides', () => {
    const manifests = render({ environment: 'prod' });
    for (const name of NAMES) {
      expect(find(manifests, 'HorizontalPodAutoscaler', name).spec.minReplicas).to.be.at.least(2);
      expect(find(manifests, 'Deployment', name).spec).to.not.have.property('replicas');
    }
  });

  it('has a disruption budget for what has two pods or more, by the autoscaler or without', () => {
    expect(budgets({ environment: 'prod' })).to.have.members(NAMES);
    expect(budgets(replicas(2))).to.have.members(NAMES);
    expect(budgets(replicas(1))).to.deep.equal([]);
    expect(budgets(replicas(1, { enabled: true, minReplicas: 2 }))).to.have.members(NAMES);
    expect(budgets(replicas(3, { enabled: true, minReplicas: 1 }))).to.deep.equal([]);
  });
});

/** The kinds of a service's objects, and of what helm tests it with. */
function objectsOf(name: string, manifests: Manifest[]): string[] {
  const isOf = ({ metadata }: Manifest) =>
    metadata.labels['app.kubernetes.io/name'] === name || metadata.name === name || metadata.name === `${name}-test`;
  return manifests.filter(isOf).map(({ kind }) => kind);
}

function urlsOf(name: string, manifests: Manifest[]): Record<string, string | undefined> {
  const variables = Object.entries(environmentOf(container(manifests, name)));
  return Object.fromEntries(variables.filter(([variable]) => variable.endsWith('_URL')));
}
