import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { checkSchema } from '../../scripts/facts/schema.ts';
import { environmentOf, loadValues, MINE, type Values } from '../../scripts/facts/values.ts';
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
      ['front', '--inspect=127.0.0.1:9229 --inspect-publish-uid=http'],
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

  describe('of a developer alone', () => {
    const example = readFileSync(MINE.replace('.yaml', '.example.yaml'), 'utf8');
    const withMine = (text: string): Values => {
      fixture.write(MINE, text);
      const values = loadValues('local');
      checkSchema(values);
      return values;
    };
    afterEach(() => fixture.remove(MINE));

    it('lie on top of those of all', () => {
      const { services } = withMine('services: { front: { env: [{ name: TOKEN, value: "1" }] }, clock: null }');
      expect(services.front).to.deep.include({ port: 8080, env: [{ name: 'TOKEN', value: '1' }] });
      expect(services).to.not.have.property('clock');
      expect(loadValues('staging').services).to.have.property('clock');
    });

    it('lead the callers of a service to where it runs', () => {
      const values = withMine('services: { store: { enabled: false, url: "https://store.example.com" } }');
      expect(environmentOf('front', values, 5432).STORE_URL).to.equal('https://store.example.com');
    });

    const refused: Record<string, [string, string]> = {
      'no YAML': ['services: {', `${MINE} is no YAML: `],
      'no values by name': ['[front]', `${MINE} holds no values by name`],
      'a name with nothing below it': ['services:\n#  front: {}', `${MINE}: below services there is nothing`],
      'a misspelt service': ['services: { fornt: { logLevel: debug } }', "at '/services/fornt': must have required"],
      'a number for a variable': ['services: { front: { env: [{ name: A, value: 1 }] } }', "at '/services/front/env/0"],
      'an unknown level': ['services: { front: { logLevel: loud } }', "at '/services/front/logLevel': must be equal"],
      'a needed service that is off': ['services: { store: { enabled: false } }', 'services.front needs store'],
      'a needed service that is none': ['services: { store: null }', 'store is not one of services in'],
    };
    for (const [name, [text, said]] of Object.entries(refused))
      it(`are refused where they are wrong: ${name}`, () => expect(() => withMine(text)).to.throw(said));

    it('may be those of the example, where there are such services', () => {
      const whole = parse(example.replaceAll(/^# (?= *[\w-]+:| {2})/gm, ''));
      expect(whole.services).to.have.keys('payments', 'mail');
      const payments = { port: 8083, ...whole.services.payments };
      const mail = { port: 8084, ...whole.services.mail };
      const values = withMine(stringify({ ...whole, services: { payments, mail, front: { uses: ['mail'] } } }));
      expect(values.services.front?.logLevel).to.equal('debug');
      expect(environmentOf('front', values, 5432).MAIL_URL).to.equal(mail.url);
    });
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
