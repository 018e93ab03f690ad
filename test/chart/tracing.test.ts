import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { dangling } from './references.ts';
import {
  container,
  environmentOf,
  find,
  invalid,
  parseManifests,
  podSpecs,
  render,
  renderError,
  renderText,
} from './render.ts';

const ON = { jaeger: { enabled: true } };
const COLLECTOR = 'http://otel-collector.monitoring:4318';

describe('traces in the chart', () => {
  needsTools('helm', 'kubeconform');

  const variables = (values: object, name = 'store'): Record<string, string | undefined> =>
    environmentOf(container(render({ environment: 'prod', values }), 'store', name));

  it('are off in every environment, and then no variable speaks of them', () => {
    for (const environment of ['local', 'staging', 'prod']) {
      const manifests = render({ environment });
      expect(Object.keys(environmentOf(container(manifests, 'store'))).join()).to.not.match(/OTEL|TRACES/);
      expect(() => find(manifests, 'Deployment', 'jaeger')).to.throw();
    }
  });

  it('go to the collector that is named, from the service and not from its migration', () => {
    const values = { tracing: { endpoint: COLLECTOR, url: 'https://jaeger.example.com' } };
    expect(variables(values)).to.include({
      OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR,
      OTEL_SERVICE_NAME: 'store',
      OTEL_RESOURCE_ATTRIBUTES: 'service.version=1.2.3',
      TRACES_URL: 'https://jaeger.example.com',
    });
    expect(Object.keys(variables(values, 'migrate')).join()).to.not.match(/OTEL|TRACES/);
  });

  it('go to Jaeger where it is on and nobody else is named', () => {
    expect(variables(ON)).to.include({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://jaeger:4318' });
    const both = { ...ON, tracing: { endpoint: COLLECTOR } };
    expect(variables(both)).to.include({ OTEL_EXPORTER_OTLP_ENDPOINT: COLLECTOR });
  });

  it('leave a service its own attributes', () => {
    const env = [{ name: 'OTEL_RESOURCE_ATTRIBUTES', value: 'team=shop' }];
    const { env: all = [] } = container(render({ values: { ...ON, serviceDefaults: { env } } }), 'store');
    const attributes = all.filter(({ name }) => name === 'OTEL_RESOURCE_ATTRIBUTES');
    expect(attributes).to.deep.equal(env);
  });

  for (const environment of ['local', 'prod'])
    it(`have a Jaeger that is valid, whole and hardened: ${environment}`, () => {
      const text = renderText({ environment, values: ON });
      expect(invalid(text)).to.equal('');
      const manifests = parseManifests(text);
      expect(dangling(manifests)).to.deep.equal([]);
      const { securityContext, containers } = podSpecs(manifests).jaeger ?? {};
      expect(securityContext).to.include({ runAsNonRoot: true });
      expect(containers?.[0]?.securityContext).to.deep.include({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    });

  for (const endpoint of ['otel-collector:4318', 'grpc://otel-collector:4317'])
    it(`are refused at ${endpoint}`, () => {
      expect(renderError({ values: { tracing: { endpoint } } })).to.contain("at '/tracing/endpoint'");
    });
});
