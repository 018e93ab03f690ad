import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { Copy } from '../setup/copy.ts';
import { findFaults } from './faults.ts';
import { changes, commit, restore, trackedFiles } from './repository.ts';

/** With all that a name may have, and what no variable of a program can be called. */
const NAME = 'data-hub-2';
const OLD = /\bstand\b/i;
/** Of mocha: no file of its own that names other tests. */
const OPTIONS = ['--no-config', '--node-option=conditions=source', '--require=ts-node/register', '--timeout=60000'];

describe('make init', function () {
  this.timeout(300_000);
  let copy: Copy;

  before(() => {
    copy = new Copy();
    copy.install();
    commit(copy);
  });
  after(() => copy.remove());

  /** @throws with what it has printed when it fails */
  function init(variables: string[], npm?: string): void {
    const { status, stderr } = copy.run('make', ['init', ...variables], npm);
    if (status !== 0) throw new Error(stderr);
  }

  describe('refuses', () => {
    const expectUnchanged = (): Chai.Assertion => expect(changes(copy)).to.equal('');

    const names: Record<string, string> = {
      '': '✗ NAME is missing',
      'My Team': "✗ My Team can't be a name: use lower-case letters",
      'a/b': "✗ a/b can't be a name: use lower-case letters",
      stand: "✗ stand can't be a name: it is the present one",
      chassis: "✗ chassis can't be a name: it is the library",
      default: "✗ default can't be a name: each namespace",
      'kube-acme': "✗ kube-acme can't be a name: Kubernetes keeps",
      postgres: "✗ postgres can't be a name: PostgreSQL has",
      github: "✗ github can't be a name: there is .github",
      git: "✗ git can't be a name: there is .git",
      npmrc: "✗ npmrc can't be a name: npm or git would read",
      types: "✗ types can't be a name: it is a row in Tilt",
      express: "✗ express can't be a name: it is a package",
      biomejs: "✗ biomejs can't be a name: it is a package",
    };
    for (const [name, message] of Object.entries(names))
      it(`the name "${name}"`, () => {
        expect(() => init([`NAME=${name}`])).to.throw(message);
        expectUnchanged();
      });

    it('what is not committed', () => {
      copy.write('README.md', 'mine');
      copy.write('notes.txt', 'mine');
      expect(() => init(['NAME=acme'])).to.throw(/✗ There are uncommitted changes:\n M README.md\n\?\? notes.txt\n/);
      expect(copy.read('README.md') + copy.read('notes.txt')).to.equal('minemine');
      restore(copy);
    });

    it('a shop that others need', () => {
      copy.changeServices('helm/app/values.yaml', (services) => {
        Object.assign(services, { payments: { port: 8089, needs: ['catalog'] }, catalog: { port: 8081 } });
      });
      commit(copy);
      expect(() => init(['NAME=acme'])).to.throw("✗ The shop's catalog is needed by services.payments in");
      expectUnchanged();
      restore(copy, 'HEAD~1');
    });

    it('to delete data unasked', () => {
      copy.write('.stand/postgresql/data', '');
      expect(() => init(['NAME=acme'])).to.throw('✗ Delete the data of host mode in .stand/postgresql?');
      expectUnchanged();
      expect(copy.read('.stand/postgresql/data')).to.equal('');
      copy.remove('.stand/postgresql');
    });

    it('to stop halfway: when npm fails, all is as before', () => {
      expect(() => init(['NAME=acme'], 'exit 1')).to.throw('✗ npm install failed; everything is as before');
      expectUnchanged();
    });
  });

  for (const options of [[], ['KEEP_SHOP=1']])
    describe(`NAME=${NAME} ${options}`, () => {
      before(() => {
        copy.write('.stand/bin/tool', '');
        init([`NAME=${NAME}`, ...options]);
        commit(copy);
      });
      after(() => {
        restore(copy, 'HEAD~1');
        copy.run('npm', ['install', '--no-audit', '--no-fund']);
      });

      it('leaves no word of the old name', () => {
        const left = trackedFiles(copy).filter((file) => OLD.test(file) || OLD.test(copy.read(file)));
        expect(left).to.deep.equal([]);
      });

      it('keeps the tools', () => expect(copy.read(`.${NAME}/bin/tool`)).to.equal(''));

      it('leaves whole services', () => expect(findFaults(copy.root)).to.deep.equal([]));

      it('leaves types and lint as they should be', () => {
        expect(copy.run('npx', ['tsc', '--noEmit']).stdout).to.equal('');
        const { status, stderr } = copy.run('npx', ['biome', 'check']);
        expect(status, stderr).to.equal(0);
      });

      it('leaves documents that are current', () => {
        copy.run('make', ['docs']);
        expect(changes(copy)).to.equal('');
      });

      if (options.length === 0) {
        it('has one small service in the shop’s place, with a test that passes', function () {
          // That of the team's own stays.
          if (existsSync('services/hello')) this.skip();
          const { status, stdout } = copy.run('npx', ['mocha', ...OPTIONS, 'services/hello/test/*.test.ts']);
          expect(status, stdout).to.equal(0);
          expect(stdout).to.contain('serves its page');
        });

        it('says nothing of the shop in README, AGENTS and the page of faults', () => {
          for (const file of ['README.md', 'AGENTS.md', 'docs/faults.md'])
            expect(copy.read(file)).to.not.match(/shop|gateway|catalog|orders|make init/);
          expect(copy.read('README.md'))
            .to.contain('service_hello["hello :8080"]')
            .and.to.contain('http://localhost:8080 | the page (`hello`)');
        });
      }

      it('is done once', () => expect(() => init(['NAME=other'])).to.throw(`✗ This clone is ${NAME} already`));
    });
});
