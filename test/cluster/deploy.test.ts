import { expect } from 'chai';
import { stringify } from 'yaml';
import { Copy } from '../setup/copy.ts';
import { needsTools } from '../setup/needs.ts';

const SOUND = { ENV: 'staging', VERSION: '1.4.2', CONTEXT: 'far-away' };

/** What make deploy refuses before it touches a cluster; what it does to one is in e2e. */
describe('make deploy', () => {
  needsTools('helm', 'kubectl');
  let copy: Copy;

  before(() => {
    copy = new Copy();
    copy.install();
    for (const file of ['app-1.4.2.tgz', 'images-1.4.2.yaml']) copy.write(`dist/${file}`, '');
    const name = 'far-away';
    copy.write(
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
  after(() => copy?.remove());

  const refusals: [what: string, variables: Record<string, string>, says: string][] = [
    ['no environment', { ENV: '' }, 'ENV is missing'],
    ['the environment of make dev', { ENV: 'local' }, 'ENV=local is what make dev runs'],
    ['an unknown environment', { ENV: 'moon' }, 'There is no environment moon. There are: local, prod, staging.'],
    ['no version', { VERSION: '' }, 'VERSION is missing'],
    ['a version that was not packaged', { VERSION: '9.9.9' }, 'Build them with: make package VERSION=9.9.9'],
    ['no context, though one is selected', { CONTEXT: '' }, 'CONTEXT is missing'],
    ['an unknown context', { CONTEXT: 'moon' }, 'There is no kube context moon'],
    ['a cluster that does not answer', {}, 'The cluster of far-away does not answer'],
    ['a missing values file', { VALUES: 'shop.yaml' }, 'VALUES names shop.yaml, which is not there'],
  ];
  for (const [what, variables, says] of refusals)
    it(`refuses ${what}`, () => {
      const { status, stderr } = make('deploy', { ...SOUND, YES: '1', ...variables });
      expect(stderr).to.contain(says);
      expect(status).to.equal(2);
    });

  function make(target: string, variables: Record<string, string>) {
    const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    return copy.run('env', [`KUBECONFIG=${copy.at('kubeconfig')}`, 'make', target, ...assignments]);
  }
});
