import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { dangling } from './references.ts';
import { ENVIRONMENTS, invalid, NAMES, ofKind, parseManifests, renderError, renderText, SERVICES } from './render.ts';

const DATABASES = {
  'in the cluster': {
    postgresql: { enabled: true, auth: { password: 'secret' } },
    externalDatabase: { host: '', existingSecret: '' },
  },
  external: {
    postgresql: { enabled: false },
    externalDatabase: { host: 'db.example.com', name: 'shop', existingSecret: 'stand-database' },
  },
};

type Choice = Record<string, { enabled: boolean }>;

describe('each choice of services', () => {
  needsTools('helm', 'kubeconform');

  for (const environment of ENVIRONMENTS) {
    for (const [database, values] of Object.entries(DATABASES)) {
      it(`is valid and whole, or says what it needs: ${environment}, database ${database}`, () => {
        const texts = choices().map((services) => renderChoice(environment, { ...values, services }));
        expect(invalid(texts.join('\n---\n'))).to.equal('');
      });
    }
  }
});

/** All of them, from every service to none. */
function choices(): Choice[] {
  const sets = NAMES.reduce<string[][]>((sets, name) => sets.flatMap((set) => [set, [...set, name]]), [[]]);
  return sets.map((on) => Object.fromEntries(NAMES.map((name) => [name, { enabled: on.includes(name) }])));
}

/** The rendered text, after a look at its references; nothing where the chart refused, as it should. */
function renderChoice(environment: string, values: { services: Choice }): string {
  const options = { environment, values };
  const refusals = expectedRefusals(values.services);
  if (refusals.length > 0) {
    const error = renderError(options);
    expect(refusals).to.satisfy(() => refusals.some((refusal) => error.includes(refusal)), error);
    return '';
  }
  const text = renderText(options);
  const manifests = parseManifests(text);
  expect(dangling(manifests)).to.deep.equal([]);
  const on = NAMES.filter((name) => values.services[name]?.enabled);
  expect(ofKind(manifests, 'Deployment').map(({ metadata }) => metadata.name)).to.have.members(on);
  return text;
}

function expectedRefusals(services: Choice): string[] {
  const isOn = (name: string) => services[name]?.enabled;
  return NAMES.filter(isOn).flatMap((name) =>
    (SERVICES[name]?.needs ?? [])
      .filter((need) => !isOn(need))
      .map((need) => `services.${name} needs ${need}, which is disabled`),
  );
}
