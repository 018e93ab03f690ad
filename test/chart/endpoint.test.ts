import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { find, invalid, type Manifest, NAMES, ofKind, render, renderError, renderText } from './render.ts';

const elsewhere = (endpoint: object, values: object = {}): object => ({ ...values, services: { store: { endpoint } } });
const HERE = { address: '172.18.0.1', port: 18081 };

describe('a service that runs outside the cluster', () => {
  needsTools('helm', 'kubeconform');

  const labelsOf = (manifest: Manifest): Record<string, string> => manifest.spec.template.metadata.labels;
  const named = (manifests: Manifest[]): string[] => manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`);

  for (const address of ['172.18.0.1', 'fd00::1'])
    it(`has a Service that leads to its address, and no pod: ${address}`, () => {
      const values = elsewhere({ ...HERE, address });
      expect(invalid(renderText({ values }))).to.equal('');
      const manifests = render({ values });
      const slice = find(manifests, 'EndpointSlice', 'store') as unknown as Record<string, unknown>;
      expect(slice).to.deep.include({
        addressType: address.includes(':') ? 'IPv6' : 'IPv4',
        endpoints: [{ addresses: [address] }],
        ports: [{ name: 'http', port: 18081 }],
      });
      const { ports, selector } = find(manifests, 'Service', 'store').spec;
      expect(ports).to.deep.equal([{ name: 'http', port: 8081, targetPort: 'http', nodePort: 30081 }]);
      // A Service whose selector goes would keep the pods' addresses in Kubernetes' own EndpointSlice.
      expect(selector).to.not.equal(undefined);
      const matches = (labels: Record<string, string>): boolean =>
        Object.entries(selector).every(([label, value]) => labels[label] === value);
      const before = ofKind(render(), 'Deployment');
      expect(before.filter((deployment) => matches(labelsOf(deployment)))).to.deep.equal([]);
    });

  it('changes nothing of the others', () => {
    const others = (manifests: Manifest[]): Manifest[] =>
      manifests.filter(({ metadata }) => !/^store(-test)?$/.test(metadata.name));
    const manifests = render({ values: elsewhere(HERE) });
    expect(others(manifests)).to.deep.equal(others(render()));
    expect(named(manifests).filter((name) => / store/.test(name))).to.have.members([
      'Service store',
      'EndpointSlice store',
    ]);
  });

  it('listens at its own port where no other is said', () => {
    const slice = find(render({ values: elsewhere({ address: '10.0.0.1' }) }), 'EndpointSlice', 'store');
    expect((slice as unknown as { ports: unknown }).ports).to.deep.equal([{ name: 'http', port: 8081 }]);
  });

  it('is let through by the policies of its callers', () => {
    const serviceDefaults = { networkPolicy: { enabled: true } };
    const { egress } = find(render({ values: elsewhere(HERE, { serviceDefaults }) }), 'NetworkPolicy', 'front').spec;
    expect(egress).to.deep.include({ ports: [{ port: 18081 }] });
  });

  it('is none in staging and production', () => {
    for (const environment of ['staging', 'prod'])
      expect(ofKind(render({ environment }), 'Deployment').map(({ metadata }) => metadata.name)).to.have.members(NAMES);
  });

  for (const [name, endpoint] of Object.entries({
    'a name for an address': { address: 'my-laptop' },
    'no port': { ...HERE, port: 0 },
  }))
    it(`is refused with ${name}`, () => {
      expect(renderError({ values: elsewhere(endpoint) })).to.contain("at '/services/store/endpoint/");
    });
});
