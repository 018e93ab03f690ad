import { expect } from 'chai';
import { environmentOf, loadValues } from '../../scripts/stand/values.ts';
import { container, environmentOf as containerEnvironment, parseManifests } from '../chart/render.ts';
import { fixtureStand } from '../setup/fixture-stand.ts';
import { needsTools } from '../setup/needs.ts';
import { LOCAL_VALUES, type StandCopy } from '../setup/stand-copy.ts';

describe('the variables of a service', () => {
  const here = process.cwd();
  let stand: StandCopy;

  before(() => {
    stand = fixtureStand();
    process.chdir(stand.root);
  });
  after(() => {
    process.chdir(here);
    stand?.remove();
  });

  it('are refused, with both names, when a needed service is off', () => {
    expect(() => loadValues('local', ['front'])).to.throw('services.front needs store, which is disabled');
  });

  describe('in host mode', () => {
    needsTools('helm');

    it('have the same names as in the chart', () => {
      const { stdout } = stand.run('helm', ['template', 'x', 'helm/app', '--values', LOCAL_VALUES]);
      const manifests = parseManifests(stdout);
      const values = loadValues('local');
      for (const name of Object.keys(values.services)) {
        const names = Object.keys(containerEnvironment(container(manifests, name)));
        expect(names, name).to.have.members(Object.keys(environmentOf(name, values, 5432)));
      }
    });
  });
});
