import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { dangling } from './references.ts';
import { ENVIRONMENTS, invalid, parseManifests, renderText } from './render.ts';

/** With the services that there are, which may be none. */
describe('the chart of this repository', () => {
  needsTools('helm', 'kubeconform');

  for (const environment of ENVIRONMENTS)
    it(`is valid Kubernetes, and whole but for Secrets, which others make: ${environment}`, () => {
      const text = renderText({ environment, folder: 'helm/app' });
      expect(invalid(text)).to.equal('');
      const missing = dangling(parseManifests(text)).filter((reference) => !reference.startsWith('Secret '));
      expect(missing).to.deep.equal([]);
    });
});
