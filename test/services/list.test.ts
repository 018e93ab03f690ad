import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { addEntry, removeEntries } from '../../scripts/services/list.ts';
import { Copy, LOCAL_VALUES, VALUES } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { findFaults } from './faults.ts';

describe('the list of services', () => {
  it('is whole', () => expect(findFaults('.')).to.deep.equal([]));

  describe('with payments', () => {
    let copy: Copy;
    beforeEach(() => {
      copy = fixtureCopy();
      copy.write('services/payments/Dockerfile', 'FROM scratch AS dev\nFROM dev AS prod\n');
      copy.write('helm/app/templates/payments/payments.yaml', '');
      setPayments(VALUES, { port: 8089 });
      setPayments(LOCAL_VALUES, { service: { nodePort: 30089 } });
    });
    afterEach(() => copy.remove());

    const setPayments = (file: string, entry: object): void =>
      copy.changeServices(file, (services) => Object.assign(services, { payments: entry }));
    const unset = (file: string): void => copy.changeServices(file, (services) => delete services.payments);

    const damages: Record<string, { damage: () => void; faults: string[] }> = {
      'is whole': { damage: () => {}, faults: [] },
      'lacks its values': {
        damage: () => unset(VALUES),
        faults: [
          'services/payments: payments is not one of services in helm/app/values.yaml',
          'helm/app/templates/payments: payments is not one of services in helm/app/values.yaml',
          'helm/app/values-local.yaml: payments is not one of services in helm/app/values.yaml',
        ],
      },
      'lacks its folder': {
        damage: () => copy.remove('services/payments'),
        faults: ['payments: services/payments is missing', 'payments: services/payments/Dockerfile is missing'],
      },
      'lacks its chart folder': {
        damage: () => copy.remove('helm/app/templates/payments'),
        faults: ['payments: helm/app/templates/payments/payments.yaml is missing'],
      },
      'lacks its Dockerfile': {
        damage: () => {
          copy.remove('services/payments/Dockerfile');
          copy.write('services/payments/main.go', '');
        },
        faults: ['payments: services/payments/Dockerfile is missing'],
      },
      'lacks a target for production': {
        damage: () => copy.write('services/payments/Dockerfile', 'FROM scratch AS dev\n'),
        faults: ['payments: services/payments/Dockerfile has no target prod'],
      },
      'lacks its nodePort': {
        damage: () => unset(LOCAL_VALUES),
        faults: ['payments: its nodePort in values-local.yaml is undefined, not 30089'],
      },
      'has the wrong nodePort': {
        damage: () => setPayments(LOCAL_VALUES, { service: { nodePort: 30088 } }),
        faults: ['payments: its nodePort in values-local.yaml is 30088, not 30089'],
      },
      'needs a service that is not there': {
        damage: () => setPayments(VALUES, { port: 8089, needs: ['nobody'] }),
        faults: ['payments: nobody, in its needs or uses, is not a service'],
      },
      'uses a service that is not there': {
        damage: () => setPayments(VALUES, { port: 8089, uses: ['toString'] }),
        faults: ['payments: toString, in its needs or uses, is not a service'],
      },
    };
    for (const [what, { damage, faults }] of Object.entries(damages))
      it(what, () => {
        damage();
        expect(findFaults(copy.root)).to.deep.equal(faults);
      });

    it('has the port of another', () => {
      copy.changeServices(VALUES, (services) => Object.assign(services, { another: { port: 8089 } }));
      expect(findFaults(copy.root)).to.include('payments: the port 8089 is that of another');
    });
  });
});

describe('an entry in the list of services', () => {
  const copy = new Copy('helm/app');
  const file = copy.at('values.yaml');
  after(() => copy.remove());

  const entry = { port: 8083, image: { repository: 'stand/payments' } };
  const lines = '  payments:\n    port: 8083\n    image:\n      repository: stand/payments\n';
  const layouts: Record<string, [before: string, after: string]> = {
    'comments and empty lines': [
      'a: 1 # one\nservices: # all\n  # first\n  web:\n\n    port: 1\n',
      '\n# end\nb: {c: [1]}\n',
    ],
    'the list at the end': ['services:\n  web:\n    port: 1\n', ''],
    'a namesake elsewhere': [
      'defaults:\n  payments:\n    port: 1\nservices:\n  web:\n    port: 1\n',
      'x:\n  payments: 2\n',
    ],
  };
  for (const [what, [before, behind]] of Object.entries(layouts))
    it(`goes in and out again with ${what}`, () => {
      writeFileSync(file, before + behind);
      addEntry(file, 'payments', entry);
      expect(readFileSync(file, 'utf8')).to.equal(before + lines + behind);
      removeEntries('payments', [file]);
      expect(readFileSync(file, 'utf8')).to.equal(before + behind);
    });

  it('is the first and the last one', () => {
    writeFileSync(file, 'services: {}\n\nb: 1\n');
    addEntry(file, 'payments', entry);
    expect(readFileSync(file, 'utf8')).to.equal(`services:\n${lines}\nb: 1\n`);
    removeEntries('payments', [file]);
    expect(readFileSync(file, 'utf8')).to.equal('services: {}\n\nb: 1\n');
  });

  it('goes out from between others', () => {
    writeFileSync(file, `services:\n  web:\n    port: 1\n${lines}  payments-2:\n    port: 2\n`);
    removeEntries('payments', [file]);
    expect(readFileSync(file, 'utf8')).to.equal('services:\n  web:\n    port: 1\n  payments-2:\n    port: 2\n');
  });

  for (const [what, text] of Object.entries({
    'on one line': 'services: {web: {port: 1}}\n',
    'indented by four': 'services:\n    web:\n        port: 1\n',
    'not ended by a newline': 'services:\n  web:\n    port: 1',
    'not there': 'other: 1\n',
  }))
    it(`is refused where the list is ${what}`, () => {
      writeFileSync(file, text);
      expect(() => addEntry(file, 'payments', entry)).to.throw();
      expect(readFileSync(file, 'utf8')).to.equal(text);
    });

  const lists: Record<string, [before: string, after: string]> = {
    'one of several': ['    uses: [web, payments, orders] # why\n', '    uses: [web, orders] # why\n'],
    'the first': ['    uses: [ payments, web ]\n', '    uses: [ web ]\n'],
    'the last': ['    uses: ["web", "payments"]\n    port: 1\n', '    uses: ["web"]\n    port: 1\n'],
    'the only one': ['    uses: [payments]\n', '    uses: []\n'],
    'one of several lines': [
      '    uses:\n      # first\n      - web # a\n      - payments # b\n      - orders\n',
      '    uses:\n      # first\n      - web # a\n      - orders\n',
    ],
    'the only line': ['    uses: # why\n      - payments\n    port: 1\n', '    uses: [] # why\n    port: 1\n'],
    'in two lists': ['    uses: [payments]\n  b:\n    uses: [a, payments]\n', '    uses: []\n  b:\n    uses: [a]\n'],
    nowhere: ['    uses: [payments-2]\n    env: [payments]\n', '    uses: [payments-2]\n    env: [payments]\n'],
  };
  for (const [what, [before, after]] of Object.entries(lists))
    it(`is taken out of what others use: ${what}`, () => {
      writeFileSync(file, `# all\nservices:\n${lines}  a:\n${before}\n# end\n`);
      removeEntries('payments', [file]);
      expect(readFileSync(file, 'utf8')).to.equal(`# all\nservices:\n  a:\n${after}\n# end\n`);
    });

  it('stays in all files when one of them can’t be edited', () => {
    const other = copy.at('values-local.yaml');
    writeFileSync(file, `services:\n${lines}`);
    writeFileSync(other, 'services: {payments: {port: 1}}\n');
    expect(() => removeEntries('payments', [file, other])).to.throw("in a layout that this can't edit");
    expect(readFileSync(file, 'utf8')).to.equal(`services:\n${lines}`);
  });
});
