import { expect } from 'chai';
import { merge } from '../../scripts/facts/values.ts';
import { needsTools } from '../setup/needs.ts';
import { environmentOf, find, type Manifest, NAMES, type Options, ofKind, render, renderError } from './render.ts';

const NAME = 'app.kubernetes.io/name';
const NAMESPACE = 'kubernetes.io/metadata.name';

/** Of all environments but local. */
const EDGES = [
  'front → store:8081',
  'front → clock:8082',
  'front-test → front:9090',
  'store-test → store:9090',
  'clock-test → clock:9090',
];
/** Where nobody can say which pods. */
const MANAGED = 'store → anywhere:5432';
const IN_CLUSTER = {
  postgresql: { enabled: true, auth: { password: 'secret' } },
  externalDatabase: { host: '', existingSecret: '', ca: { existingSecret: '' } },
};

const namespace = (name: string) => ({ namespaceSelector: { matchLabels: { [NAMESPACE]: name } } });
const service = (name: string, values: object) => ({ services: { [name]: values } });

const CASES: [what: string, values: object, edges: string[]][] = [
  ['production', {}, [...EDGES, MANAGED]],
  ['a managed database at another port', { externalDatabase: { port: 6543 } }, [...EDGES, 'store → anywhere:6543']],
  ['PostgreSQL in the cluster', IN_CLUSTER, [...EDGES, 'store → postgresql:5432']],
  [
    'PostgreSQL in the cluster, and nobody who uses it',
    { ...IN_CLUSTER, ...service('store', { database: { host: 'own.example.com', name: 'a', existingSecret: 'b' } }) },
    [...EDGES, MANAGED],
  ],
  [
    'peers of PostgreSQL',
    { ...IN_CLUSTER, postgresql: { ...IN_CLUSTER.postgresql, networkPolicy: { extraIngress: [namespace('backup')] } } },
    [...EDGES, 'store → postgresql:5432', 'backup → postgresql:5432'],
  ],
  [
    'traces to a collector',
    { tracing: { endpoint: 'https://otel.example.com' } },
    [...EDGES, MANAGED, ...NAMES.map((name) => `${name} → anywhere:443`)],
  ],
  [
    'traces to Jaeger, and who looks at them',
    { jaeger: { enabled: true, networkPolicy: { extraIngress: [namespace('ingress-nginx')] } } },
    [...EDGES, MANAGED, ...NAMES.map((name) => `${name} → jaeger:4318`), 'ingress-nginx → jaeger:16686'],
  ],
  [
    'a service without a management port',
    service('clock', { managementPort: 0 }),
    [...EDGES.filter((edge) => !edge.startsWith('clock-test')), 'clock-test → clock:8082', MANAGED],
  ],
  [
    'a service that is off',
    service('clock', { enabled: false }),
    [...EDGES.filter((edge) => !edge.includes('clock')), MANAGED],
  ],
  [
    'a service elsewhere',
    service('clock', { enabled: false, url: 'https://clock.example.com' }),
    [...EDGES.filter((edge) => !edge.includes('clock')), 'front → anywhere:443', MANAGED],
  ],
  [
    'a service elsewhere, with its port',
    service('clock', { enabled: false, url: 'http://clock.example.com:9000/v1' }),
    [...EDGES.filter((edge) => !edge.includes('clock')), 'front → anywhere:9000', MANAGED],
  ],
  [
    'peers of a service',
    service('front', {
      networkPolicy: { extraIngress: [namespace('ingress-nginx')], metricsIngress: [namespace('monitoring')] },
    }),
    [...EDGES, MANAGED, 'ingress-nginx → front:8080', 'monitoring → front:9090'],
  ],
  [
    'peers of a service without a management port',
    service('front', { managementPort: 0, networkPolicy: { metricsIngress: [namespace('monitoring')] } }),
    [
      ...EDGES.filter((edge) => !edge.startsWith('front-test')),
      ...[MANAGED, 'front-test → front:8080', 'monitoring → front:8080'],
    ],
  ],
];

describe('the network policies', () => {
  needsTools('helm');

  for (const [what, values, edges] of CASES)
    it(`open what is declared at both ends, and nothing else: ${what}`, () => {
      const manifests = render({ environment: 'prod', values });
      const [from, into] = [egress(manifests), ingress(manifests)];
      expect([...new Set([...from, ...into])]).to.have.members(edges);
      // Who is not of the release has no policy of its own here, and what is anywhere neither.
      const pods = policies(manifests).map(({ metadata }) => metadata.name);
      const isWithin = (edge: string) => edge.split(/ → |:/, 2).every((end) => pods.includes(end));
      expect(from.filter(isWithin)).to.have.members(into.filter(isWithin)).and.to.not.deep.equal([]);
    });

  it('cover every pod, those of helm test too, and deny both ways', () => {
    const manifests = render({ environment: 'prod', values: { ...IN_CLUSTER, jaeger: { enabled: true } } });
    const labels = manifests.flatMap(({ kind, metadata, spec }) => {
      if (kind === 'Pod') return [metadata.labels];
      return spec?.template ? [spec.template.metadata.labels] : [];
    });
    expect(labels.map((own) => own[NAME])).to.have.members(policies(manifests).map(({ spec }) => selected(spec)));
    for (const { spec } of policies(manifests)) expect(spec.policyTypes).to.have.members(['Ingress', 'Egress']);
  });

  it('let everybody look up names, but for PostgreSQL, which asks nobody', () => {
    const manifests = render({ environment: 'prod', values: IN_CLUSTER });
    const resolving = policies(manifests).filter(({ spec }) => {
      const rules: Rule[] = spec.egress ?? [];
      return rules.some(({ to = [], ports }) => to.some(isDns) && ports.every(({ port }) => port === 53));
    });
    const names = resolving.map(({ metadata }) => metadata.name);
    expect(names).to.have.members([...NAMES, ...NAMES.map((name) => `${name}-test`)]);
    expect(find(manifests, 'NetworkPolicy', 'postgresql').spec).to.not.have.property('egress');
  });

  it('leave a developer’s cluster alone', () => {
    expect(policies(render())).to.deep.equal([]);
  });
});

describe('the management port', () => {
  needsTools('helm');
  const open = { service: { type: 'LoadBalancer' }, ingress: { enabled: true, hosts: ['shop.example.com'] } };
  const prod: Options = {
    environment: 'prod',
    values: service('front', { ...open, httpRoute: { enabled: true, parentRefs: [{ name: 'public' }] } }),
  };

  it('is not on the Service that may be open to the world, nor behind an Ingress or HTTPRoute', () => {
    const manifests = render(prod);
    expect(find(manifests, 'Service', 'front').spec).to.deep.include({
      type: 'LoadBalancer',
      ports: [{ name: 'http', port: 8080, targetPort: 'http' }],
    });
    const backends = JSON.stringify([
      find(manifests, 'Ingress', 'front').spec.rules,
      find(manifests, 'HTTPRoute', 'front').spec.rules,
    ]);
    expect(backends)
      .to.contain('front')
      .and.not.match(/management|9090/);
  });

  it('has a Service of its own within the cluster, which helm test asks', () => {
    const manifests = render(prod);
    expect(find(manifests, 'Service', 'front-management').spec).to.deep.include({
      type: 'ClusterIP',
      selector: find(manifests, 'Service', 'front').spec.selector,
      ports: [{ name: 'management', port: 9090, targetPort: 'management' }],
    });
    expect(asked(manifests)).to.equal('http://front-management:9090/readyz');
  });

  it('is a port of the container, which hears of it', () => {
    const [container] = find(render(prod), 'Deployment', 'front').spec.template.spec.containers;
    expect(container.ports).to.deep.equal([
      { name: 'http', containerPort: 8080 },
      { name: 'management', containerPort: 9090 },
    ]);
    expect(environmentOf(container)).to.include({ PORT: '8080', MANAGEMENT_PORT: '9090' });
  });

  const without: [string, Options][] = [
    ['in a developer’s cluster', {}],
    ['of a service that knows none', { environment: 'prod', values: service('front', { managementPort: 0 }) }],
  ];
  for (const [where, options] of without)
    it(`is none ${where}: all is on one port`, () => {
      const manifests = render(options);
      const [container] = find(manifests, 'Deployment', 'front').spec.template.spec.containers;
      expect(container.ports).to.deep.equal([{ name: 'http', containerPort: 8080 }]);
      expect(environmentOf(container)).to.not.have.property('MANAGEMENT_PORT');
      expect(asked(manifests)).to.equal('http://front:8080/readyz');
      expect(() => find(manifests, 'Service', 'front-management')).to.throw();
    });

  it('is refused where it is the service’s port', () => {
    const values = service('front', { managementPort: 8080 });
    expect(renderError({ environment: 'prod', values })).to.contain(
      'services.front has 8080 for port and managementPort: change one',
    );
  });

  for (const [where, options, port] of [
    ['at the management port', { environment: 'prod' }, 9090],
    ...without.map(([where, options]) => [where, options, 8080] as const),
  ] as const)
    it(`has the metrics, which a ServiceMonitor has read once, and none where nobody wants it: ${where}`, () => {
      const enabled = { serviceDefaults: { serviceMonitor: { enabled: true } } };
      const manifests = render({ ...options, values: merge(options.values, enabled) as object });
      const { selector, endpoints } = find(manifests, 'ServiceMonitor', 'front').spec;
      const read = ofKind(manifests, 'Service').flatMap(({ metadata, spec }) => {
        const isSelected = isMatch(metadata.labels, selector.matchLabels);
        const ports: { name: string; port: number }[] = isSelected ? spec.ports : [];
        return ports.filter(({ name }) => endpoints.some((endpoint: { port: string }) => endpoint.port === name));
      });
      expect(read.map((each) => each.port)).to.deep.equal([port]);
      expect(ofKind(render(options), 'ServiceMonitor')).to.deep.equal([]);
    });

  const asked = (manifests: Manifest[]) => environmentOf(find(manifests, 'Pod', 'front-test').spec.containers[0]).URL;
});

/** Whether a thing with these labels has all that a selector wants. */
const isMatch = (labels: Record<string, string>, wanted: Record<string, string>): boolean =>
  Object.entries(wanted).every(([label, value]) => labels[label] === value);

interface Peer {
  podSelector?: { matchLabels: Record<string, string> };
  namespaceSelector?: { matchLabels: Record<string, string> };
}
interface Rule {
  from?: Peer[];
  to?: Peer[];
  ports: { port: number | string }[];
}
interface Policy {
  podSelector: { matchLabels: Record<string, string> };
  ingress?: Rule[];
  egress?: Rule[];
}

const policies = (manifests: Manifest[]): Manifest[] => ofKind(manifests, 'NetworkPolicy');

const selected = ({ podSelector }: Policy): string => podSelector.matchLabels[NAME] ?? '';

const isDns = ({ namespaceSelector }: Peer): boolean => namespaceSelector?.matchLabels[NAMESPACE] === 'kube-system';

const nameOf = ({ podSelector, namespaceSelector }: Peer): string =>
  podSelector?.matchLabels[NAME] ?? namespaceSelector?.matchLabels[NAMESPACE] ?? '';

/** Everybody who is let in, where the port's name is that which the pod gives it; an empty list is everybody. */
function ingress(manifests: Manifest[]): string[] {
  return policies(manifests).flatMap(({ spec }) =>
    ((spec as Policy).ingress ?? []).flatMap(({ from = [], ports }) => {
      const callers = from.length > 0 ? from.map(nameOf) : ['everybody'];
      const numbers = ports.map(({ port }) => portNumber(manifests, selected(spec), port));
      return callers.flatMap((caller) => numbers.map((port) => `${caller} → ${selected(spec)}:${port}`));
    }),
  );
}

/** Where everybody may go, but for DNS. */
function egress(manifests: Manifest[]): string[] {
  return policies(manifests).flatMap(({ spec }) =>
    ((spec as Policy).egress ?? []).flatMap(({ to, ports }) => {
      const callees = to ? to.filter((peer) => !isDns(peer)).map(nameOf) : ['anywhere'];
      return callees.flatMap((callee) => ports.map(({ port }) => `${selected(spec)} → ${callee}:${port}`));
    }),
  );
}

function portNumber(manifests: Manifest[], pod: string, name: string | number): number {
  const workload = manifests.find(({ metadata, spec }) => metadata.name === pod && spec?.template);
  const ports: { name: string; containerPort: number }[] = workload?.spec.template.spec.containers[0].ports ?? [];
  const found = ports.find((port) => port.name === name);
  if (!found) throw new Error(`${pod} has no port ${name}`);
  return found.containerPort;
}
