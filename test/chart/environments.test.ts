import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { dangling } from './references.ts';
import {
  CHART,
  container,
  ENVIRONMENTS,
  find,
  invalid,
  type Manifest,
  NAMES,
  ofKind,
  parseManifests,
  readYaml,
  render,
  renderText,
  SERVICES,
} from './render.ts';

describe('the environments', function () {
  this.timeout(60_000);
  needsTools('helm', 'kubeconform');

  for (const environment of ENVIRONMENTS) {
    it(`${environment} is valid Kubernetes, and whole`, () => {
      const text = renderText({ environment });
      expect(invalid(text)).to.equal('');
      expect(dangling(parseManifests(text))).to.deep.equal([]);
    });

    it(`${environment} renders the same bytes twice`, () => {
      expect(renderText({ environment })).to.equal(renderText({ environment }));
    });
  }

  describe('a new chart version', () => {
    const dir = mkdtempSync(join(tmpdir(), 'chart-'));
    after(() => rmSync(dir, { recursive: true }));

    it('restarts no pod', () => {
      const old = render({ environment: 'prod' });
      spawnSync('helm', ['package', CHART, '--version', '9.9.9+build.1', '--destination', dir]);
      const bumped = render({ environment: 'prod', chart: join(dir, readdirSync(dir)[0] ?? '') });
      expect(find(bumped, 'Deployment', 'catalog').metadata.labels['helm.sh/chart']).to.equal('app-9.9.9_build.1');
      const templates = (manifests: Manifest[]) => ofKind(manifests, 'Deployment').map(({ spec }) => spec.template);
      expect(templates(bumped)).to.deep.equal(templates(old)).and.to.have.lengthOf(NAMES.length);
    });
  });

  it('staging differs from production only in size', () => {
    const rest = (environment: string) => {
      const { externalDatabase, serviceDefaults } = readYaml(`${CHART}/values-${environment}.yaml`);
      const { resources, autoscaling, ...others } = serviceDefaults;
      const { minReplicas, maxReplicas, ...scaling } = autoscaling;
      return { ...others, scaling, externalDatabase: { ...externalDatabase, host: '' } };
    };
    expect(rest('staging')).to.deep.equal(rest('prod'));
    const objects = (environment: string) => render({ environment }).map(({ kind, metadata }) => [kind, metadata.name]);
    expect(objects('staging')).to.deep.equal(objects('prod'));
  });

  it('local has each service and the database at a NodePort that kind maps to localhost', () => {
    const cluster = readFileSync('cluster/ctlptl.yaml', 'utf8');
    const mapped = cluster.matchAll(/hostPort: (\d+), containerPort: (\d+)/g);
    const hostPorts = new Map([...mapped].map(([, host, node]) => [Number(node), Number(host)]));
    const manifests = render();
    for (const [name, { port }] of Object.entries(SERVICES)) {
      const { nodePort } = find(manifests, 'Service', name).spec.ports[0];
      expect(nodePort, name).to.be.within(30080, 30089);
      expect(hostPorts.get(nodePort), name).to.equal(port);
    }
    expect(hostPorts.get(find(manifests, 'Service', 'postgresql').spec.ports[0].nodePort)).to.equal(15432);
  });

  it('local lets the containers write, for live updates; the others do not', () => {
    for (const environment of ENVIRONMENTS) {
      for (const name of NAMES) {
        const { securityContext } = container(render({ environment }), name);
        expect(securityContext.readOnlyRootFilesystem, `${environment} ${name}`).to.equal(environment !== 'local');
      }
    }
  });
});
