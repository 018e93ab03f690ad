import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { databasePort, nodePortOf } from '../../scripts/facts/ports.ts';
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

describe('the environments', () => {
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
      expect(find(bumped, 'Deployment', 'store').metadata.labels['helm.sh/chart']).to.equal('app-9.9.9_build.1');
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
    const manifests = render();
    const nodePort = (name: string): number => find(manifests, 'Service', name).spec.ports[0].nodePort;
    for (const [name, { port }] of Object.entries(SERVICES)) expect(nodePort(name), name).to.equal(nodePortOf(port));
    expect(nodePort('postgresql')).to.equal(nodePortOf(databasePort()));
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
