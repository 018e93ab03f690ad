import { expect } from 'chai';
import type { Copy } from '../setup/copy.ts';
import { addServices, fixtureCopy } from '../setup/fixture.ts';
import { needsTools } from '../setup/needs.ts';
import { ENVIRONMENTS, invalid, ofKind, parseManifests, renderText } from './render.ts';

const COUNT = 30;

describe('the chart, with many services,', () => {
  needsTools('helm', 'kubeconform');
  let copy: Copy;

  before(() => {
    copy = fixtureCopy();
    addServices(copy, COUNT - 3);
  });
  after(() => copy?.remove());

  for (const environment of ENVIRONMENTS)
    it(`renders ${COUNT} of them, each valid and at ports of its own: ${environment}`, () => {
      const text = renderText({ environment, folder: copy.at('helm/app') });
      expect(invalid(text)).to.equal('');
      const manifests = parseManifests(text);
      expect(ofKind(manifests, 'Deployment')).to.have.length(COUNT);
      const ports = ofKind(manifests, 'Service').flatMap(({ spec }) => spec.ports);
      const nodePorts = ports.flatMap(({ nodePort }: { nodePort?: number }) => nodePort ?? []);
      expect(nodePorts).to.have.length(environment === 'local' ? COUNT + 1 : 0);
      expect(new Set(nodePorts)).to.have.property('size', nodePorts.length);
    });
});
