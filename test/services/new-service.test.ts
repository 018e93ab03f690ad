import { readdirSync, rmSync } from 'node:fs';
import { expect } from 'chai';
import { type Copy, LOCAL_VALUES, VALUES } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { needsTools } from '../setup/needs.ts';
import { findFaults } from './faults.ts';
import { changes, commit, restore } from './repository.ts';

/** Fakes of npm, which takes seconds. */
const NPM_WORKS = 'exit 0';
const NPM_FAILS = 'exit 1';
/** Ctrl-C reaches npm and the script that runs it. */
const NPM_IS_STOPPED = 'kill -INT $PPID; sleep 0.1; kill -INT $$';

const DOCUMENTS = ['docs/values.md', 'docs/environments.md', 'README.md', '.vscode/launch.json'];

/** Words of SQL and of the templates, packages' names, the longest and the shortest ones: with tables, and without. */
const NAMES: Record<string, string[]> = {
  'DATABASE=1': ['user-data', 'select', 'a', 'items-of-a-very-long-name-12345'],
  'DATABASE=0': ['express', 'hello--again', `p${'q'.repeat(30)}`],
};
const ALL_NAMES = Object.values(NAMES).flat();

describe('make new-service and remove-service', function () {
  this.timeout(300_000);
  let copy: Copy;

  before(() => {
    copy = fixtureCopy();
    copy.install();
    copy.run('npm', ['install', '--no-audit', '--no-fund']);
    copy.run('make', ['docs']);
    commit(copy);
  });
  after(() => copy.remove());

  /** @returns what it prints @throws with what it has printed when it fails */
  function make(target: string, variables: string, npm?: string): string {
    const { status, stdout, stderr } = copy.run('make', [target, ...variables.split(' ')], npm);
    if (status !== 0) throw new Error(stderr);
    return stdout;
  }

  const workspaces = (): string[] => readdirSync(copy.at('node_modules/@stand')).sort();

  function expectUnchanged(): void {
    expect(changes(copy)).to.equal('');
    expect(workspaces()).to.deep.equal(['chassis', 'front', 'store']);
  }

  describe('with names of all kinds', () => {
    before(() => {
      for (const [database, names] of Object.entries(NAMES))
        for (const name of names) make('new-service', `NAME=${name} ${database}`, NPM_WORKS);
      copy.run('npm', ['install', '--no-audit', '--no-fund']);
    });

    it('makes whole services', () => {
      expect(findFaults(copy.root)).to.deep.equal([]);
      const { packages } = JSON.parse(copy.read('package-lock.json'));
      expect(packages).to.include.keys(ALL_NAMES.map((name) => `services/${name}`));
    });

    it('gives them the next free ports', () => {
      expect(copy.read(VALUES)).to.match(/ {2}user-data:\n {4}port: 8083\n(.*\n){2} {4}database:\n {6}enabled: true\n/);
      expect(copy.read(VALUES)).to.match(/ {2}express:\n {4}port: 8087\n {4}image:\n.*\n {2}hello--again:\n/);
    });

    it('writes them into the documents', () => {
      for (const file of DOCUMENTS) for (const name of ALL_NAMES) expect(copy.read(file)).to.contain(name);
    });

    it('leaves no placeholder', () => {
      expect(copy.run('grep', ['-rwl', 'NAME', ...ALL_NAMES.map((name) => `services/${name}`)]).stdout).to.equal('');
    });

    it('has all types right', () => {
      expect(copy.run('npx', ['tsc', '--noEmit']).stdout).to.equal('');
    });

    it('leaves nothing to lint', () => {
      const { status, stderr } = copy.run('npx', ['biome', 'check']);
      expect(status, stderr).to.equal(0);
    });

    it('makes services whose own tests pass', () => {
      const spec = ALL_NAMES.map((name) => `services/${name}/test/*.test.ts`);
      const config = { ...JSON.parse(copy.read('.mocharc.json')), spec, timeout: 60_000 };
      copy.write('mocharc.json', JSON.stringify(config));
      const { status, stdout, stderr } = copy.run('npx', ['mocha', '--config', 'mocharc.json']);
      copy.remove('mocharc.json');
      expect(status, stdout + stderr).to.equal(0);
      for (const name of ALL_NAMES) expect(stdout).to.match(new RegExp(`^ +${name}$`, 'm'));
    });

    describe('in the chart', () => {
      needsTools('helm');

      it('renders them', () => {
        const { stdout, stderr } = copy.run('helm', ['template', 'any', 'helm/app', '--values', LOCAL_VALUES]);
        expect(stderr).to.equal('');
        for (const name of ALL_NAMES) expect(stdout).to.contain(`/${name}:dev`);
        for (const nodePort of [30083, 30089]) expect(stdout).to.contain(`nodePort: ${nodePort}\n`);
      });
    });

    it('has no port for another when all are taken', () => {
      const before = copy.read(VALUES);
      copy.changeServices(VALUES, (services) => {
        for (let port = 8090; port < 8120; port++) services[`further-${port}`] = { port };
      });
      expect(() => make('new-service', 'NAME=another', NPM_WORKS)).to.throw('✗ No port is free: 8080 to 8119 are all');
      copy.write(VALUES, before);
    });

    describe('and removes them again', () => {
      const [withTables = '', ...others] = ALL_NAMES;

      it('without a trace', () => {
        expect(make('remove-service', `NAME=${withTables} YES=1`, NPM_WORKS)).to.contain(
          `drop schema "${withTables}" cascade`,
        );
        for (const name of others) make('remove-service', `NAME=${name} YES=1`, NPM_WORKS);
        copy.run('npm', ['install', '--no-audit', '--no-fund']);
        expectUnchanged();
      });
    });
  });

  describe('refuses to make one', () => {
    afterEach(expectUnchanged);

    const refused = (variables: string): Chai.Assertion => expect(() => make('new-service', variables, NPM_FAILS)).to;

    it('without a name', () => refused('NAME=').throw('✗ NAME is missing, as in NAME=payments'));

    it('with a name that is none', () => refused('NAME=../x').throw("✗ ../x can't be a name: use"));

    it('with a name that means something', () => refused('NAME=chassis').throw("✗ chassis can't be a name: it is"));

    it('with the name of another', () => refused('NAME=store').throw('✗ There is a service store already'));

    it('with a DATABASE that is neither 1 nor nothing', () => {
      refused('NAME=payments DATABASE=mysql').throw('✗ DATABASE is 1 or nothing, not mysql');
    });
  });

  describe('over what is left of one', () => {
    for (const path of ['services/payments', 'helm/app/templates/payments'])
      it(`refuses to make one, and removes ${path}`, () => {
        copy.write(`${path}/left`, '');
        expect(() => make('new-service', 'NAME=payments', NPM_WORKS)).to.throw(
          `is left in ${path}: make remove-service`,
        );
        expect(copy.read(`${path}/left`)).to.equal('');
        make('remove-service', 'NAME=payments YES=1', NPM_WORKS);
        expectUnchanged();
      });
  });

  describe('leaves nothing of one', () => {
    afterEach(expectUnchanged);

    for (const [what, npm] of Object.entries({ 'npm fails': NPM_FAILS, 'Ctrl-C is pressed': NPM_IS_STOPPED }))
      it(`when ${what}`, () => {
        expect(() => make('new-service', 'NAME=payments DATABASE=1', npm)).to.throw(
          '✗ npm install failed; everything is as before',
        );
      });
  });

  describe('among others', () => {
    afterEach(() => {
      restore(copy);
      expectUnchanged();
    });

    const change = (file: string, name: string, entry: object): void =>
      copy.changeServices(file, (services) => {
        services[name] = { ...services[name], ...entry };
      });

    it('takes the first port that is free', () => {
      change(VALUES, 'other', { port: 8083 });
      expect(make('new-service', 'NAME=payments', NPM_WORKS)).to.contain('http://localhost:8084');
      expect(copy.read(LOCAL_VALUES)).to.match(/payments:\n +service:\n +nodePort: 30084\n/);
    });

    it('keeps what others need', () => {
      change('helm/app/values-prod.yaml', 'another', { needs: ['store'] });
      expect(() => make('remove-service', 'NAME=store YES=1', NPM_FAILS)).to.throw(
        '✗ store is still named in needs of services.front in helm/app/values.yaml and services.another in helm/app/values-prod.yaml',
      );
      expect(copy.read('services/store/package.json')).to.contain('@stand/store');
    });

    it('takes what others use out of their uses, in every environment', () => {
      change('helm/app/values-prod.yaml', 'front', { uses: ['clock', 'store'] });
      make('remove-service', 'NAME=clock YES=1', NPM_WORKS);
      expect(findFaults(copy.root)).to.deep.equal([]);
      for (const file of [VALUES, 'helm/app/values-prod.yaml']) expect(copy.read(file)).to.not.contain('clock');
    });

    it('takes one out of every environment', () => {
      make('new-service', 'NAME=payments', NPM_WORKS);
      change('helm/app/values-prod.yaml', 'payments', { replicas: 5 });
      make('remove-service', 'NAME=payments YES=1', NPM_WORKS);
      expect(findFaults(copy.root)).to.deep.equal([]);
    });

    it('keeps it when there is nobody to ask', () => {
      expect(() => make('remove-service', 'NAME=front', NPM_FAILS)).to.throw('YES=1 answers yes');
      expect(copy.read('services/front/package.json')).to.contain('@stand/front');
    });

    it('never takes the environment for an answer', () => {
      const { status } = copy.run('env', ['YES=1', 'make', 'remove-service', 'NAME=front'], NPM_FAILS);
      expect(status).to.not.equal(0);
      expect(copy.read('services/front/package.json')).to.contain('@stand/front');
    });
  });

  it('removes none that never was', () => {
    expect(() => make('remove-service', 'NAME=nothing YES=1', NPM_WORKS)).to.throw(
      '✗ There is no service nothing. There are: clock, front, store',
    );
    expectUnchanged();
  });

  it('asks no registry for the chassis, whatever its version', () => {
    const file = 'services/chassis/package.json';
    copy.write(file, copy.read(file).replace(/"version": ".*"/, '"version": "9.9.9"'));
    const cache = copy.at('node_modules/.cache/npm');
    const { status, stderr } = copy.run('npm', ['install', '--package-lock-only', '--offline', '--cache', cache]);
    expect(status, stderr).to.equal(0);
    expect(copy.read('package-lock.json')).to.contain('"version": "9.9.9"');
    rmSync(cache, { recursive: true, force: true });
    restore(copy);
  });
});
