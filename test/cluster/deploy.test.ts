import { expect } from 'chai';
import { stringify } from 'yaml';
import { needsTools } from '../setup/needs.ts';
import { StandCopy } from '../setup/stand-copy.ts';

const SOUND = { ENV: 'staging', VERSION: '1.4.2', CONTEXT: 'far-away' };

/** What make deploy refuses before it touches a cluster; what it does to one is in e2e. */
describe('make deploy', () => {
  needsTools('helm', 'kubectl');
  let stand: StandCopy;

  before(() => {
    stand = new StandCopy('scripts', 'helm/app');
    for (const file of ['app-1.4.2.tgz', 'images-1.4.2.yaml']) stand.write(`dist/${file}`, '');
    const name = 'far-away';
    stand.write(
      'kubeconfig',
      stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': name,
        contexts: [{ name, context: { cluster: name, user: name } }],
        clusters: [{ name, cluster: { server: 'https://127.0.0.1:1' } }],
        users: [{ name, user: {} }],
      }),
    );
  });
  after(() => stand?.remove());

  const refusals: [what: string, variables: Record<string, string>, says: string][] = [
    ['no environment', { ENV: '' }, 'ENV is missing'],
    ['the environment of make dev', { ENV: 'local' }, 'ENV=local is what make dev runs'],
    ['an unknown environment', { ENV: 'moon' }, 'There is no environment moon'],
    ['no version', { VERSION: '' }, 'VERSION is missing'],
    ['a version that was not packaged', { VERSION: '9.9.9' }, 'Build them with: make package VERSION=9.9.9'],
    ['no context, though one is selected', { CONTEXT: '' }, 'CONTEXT is missing'],
    ['an unknown context', { CONTEXT: 'moon' }, 'There is no kube context moon'],
    ['a cluster that does not answer', {}, 'The cluster of far-away does not answer'],
    ['a missing values file', { VALUES: 'shop.yaml' }, 'VALUES names shop.yaml, which is not there'],
  ];
  for (const [what, variables, says] of refusals)
    it(`refuses ${what}`, () => {
      const settings = Object.entries({ ...SOUND, KUBECONFIG: stand.at('kubeconfig'), YES: '1', ...variables });
      const assignments = settings.map(([name, value]) => `${name}=${value}`);
      const { status, stderr } = stand.run('env', [...assignments, 'scripts/cluster/deploy.sh']);
      expect(stderr).to.contain(says);
      expect(status).to.equal(1);
    }).timeout(20_000);
});
