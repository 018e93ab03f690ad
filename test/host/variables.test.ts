import { expect } from 'chai';
import { environmentOf, loadValues } from '../../scripts/facts/values.ts';
import { defineServices } from '../../scripts/host/services.ts';
import { container, environmentOf as containerEnvironment, parseManifests } from '../chart/render.ts';
import { type Copy, LOCAL_VALUES } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { needsTools } from '../setup/needs.ts';

describe('the variables of a service', () => {
  const here = process.cwd();
  let fixture: Copy;

  before(() => {
    fixture = fixtureCopy();
    process.chdir(fixture.root);
  });
  after(() => {
    process.chdir(here);
    fixture?.remove();
  });

  it('are refused, with both names, when a needed service is off', () => {
    expect(() => loadValues('local', ['front'])).to.throw('services.front needs store, which is disabled');
  });

  it('have a debugger’s beside them, and a service’s own in its place', () => {
    const values = loadValues('local');
    const own = [{ name: 'NODE_DEBUG_OPTION', value: '--inspect-brk=127.0.0.1:9300' }];
    Object.assign(values.services.store ?? {}, { env: own });
    const options = defineServices(values, true).map(({ name, env }) => [name, env.NODE_DEBUG_OPTION]);
    expect(options).to.deep.include.members([
      ['front', '--inspect=127.0.0.1:9229'],
      ['store', own[0]?.value],
    ]);
  });

  it('ask for colours where host mode shows them, unless the service has a word of its own', () => {
    const { FORCE_COLOR: before } = process.env;
    const values = loadValues('local', ['store', 'clock']);
    Object.assign(values.services.clock ?? {}, { env: [{ name: 'FORCE_COLOR', value: '3' }] });
    const coloursWith = (ours: string): unknown[] => {
      process.env.FORCE_COLOR = ours;
      return defineServices(values, false).map(({ env }) => env.FORCE_COLOR);
    };
    try {
      expect(coloursWith('1')).to.have.members(['1', '3']);
      expect(coloursWith('0')).to.have.members([undefined, '3']);
    } finally {
      if (before === undefined) delete process.env.FORCE_COLOR;
      else process.env.FORCE_COLOR = before;
    }
  });

  describe('in host mode', () => {
    needsTools('helm');

    it('have the same names as in the chart, where those of a Secret are in files', () => {
      const { stdout } = fixture.run('helm', ['template', 'x', 'helm/app', '--values', LOCAL_VALUES]);
      const manifests = parseManifests(stdout);
      const values = loadValues('local');
      for (const name of Object.keys(values.services)) {
        const variables = Object.keys(containerEnvironment(container(manifests, name)));
        const names = variables.map((variable) => variable.replace(/_FILE$/, ''));
        expect(names, name).to.have.members(Object.keys(environmentOf(name, values, 5432)));
      }
    });
  });
});
