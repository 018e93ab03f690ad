import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { expect } from 'chai';
import { generate } from '../scripts/chart/reference.ts';
import { loadDefaults } from '../scripts/stand/values.ts';
import { findFaults } from './services/faults.ts';
import { needsTools } from './setup/needs.ts';
import { LOCAL_VALUES, StandCopy, VALUES } from './setup/stand-copy.ts';

/** Stand-ins for npm, which takes seconds. */
const NPM_WORKS = 'exit 0';
const NPM_FAILS = 'exit 1';
/** Ctrl-C reaches npm and the script that runs it. */
const NPM_IS_STOPPED = 'kill -INT $PPID; sleep 0.1; kill -INT $$';

describe('new services', function () {
  this.timeout(180_000);
  let stand: StandCopy;
  let pristine: StandCopy;

  before(() => {
    pristine = new StandCopy();
    stand = new StandCopy();
    stand.install();
  });
  after(() => {
    stand.remove();
    pristine.remove();
  });

  /** @throws with what it has printed when it fails */
  function make(target: string, variables: string, npm?: string): string {
    const { status, stdout, stderr } = stand.run('make', [target, ...variables.split(' ')], npm);
    if (status !== 0) throw new Error(stderr);
    return stdout;
  }

  function expectPristine(): void {
    expect(stand.differences(pristine)).to.equal('');
    expect(readdirSync(stand.at('node_modules/@stand'))).to.deep.equal(readdirSync('node_modules/@stand'));
  }

  describe('one without and one with a database', () => {
    // The second one's name is a word of SQL, and has a dash.
    const names = ['payments', 'user-data'];

    before(() => {
      make('new-service', 'NAME=payments');
      make('new-service', 'NAME=user-data DATABASE=1');
    });

    it('are whole', () => {
      expect(findFaults(stand.root)).to.deep.equal([]);
      const { packages } = JSON.parse(stand.read('package-lock.json'));
      expect(packages).to.include.keys(names.map((name) => `services/${name}`));
    });

    it('have the next free ports', () => {
      expect(stand.read(VALUES)).to.match(/ {2}payments:\n {4}port: 8083\n/);
      expect(stand.read(VALUES)).to.match(
        / {2}user-data:\n {4}port: 8084\n(.*\n){2} {4}database:\n {6}enabled: true\n/,
      );
    });

    it('are in the documents', () => {
      for (const file of Object.keys(generate()))
        expect(stand.read(file)).to.contain('payments').and.contain('user-data');
    });

    it('have no placeholder left', () => {
      expect(stand.run('grep', ['-rwl', 'NAME', ...names.map((name) => `services/${name}`)]).stdout).to.equal('');
    });

    it('have all types right', () => {
      expect(stand.run('npx', ['tsc', '--noEmit']).stdout).to.equal('');
    });

    it('leave nothing to lint', () => {
      const { status, stderr } = stand.run('npx', ['biome', 'check', ...names.map((name) => `services/${name}`)]);
      expect(status, stderr).to.equal(0);
    });

    it('pass their own tests', () => {
      const spec = names.map((name) => `services/${name}/test/*.test.ts`);
      stand.write(
        'mocharc.json',
        JSON.stringify({ ...JSON.parse(stand.read('.mocharc.json')), spec, timeout: 60_000 }),
      );
      const { status, stdout, stderr } = stand.run('npx', ['mocha', '--config', 'mocharc.json']);
      stand.remove('mocharc.json');
      expect(status, stdout + stderr).to.equal(0);
      expect(stdout).to.match(/payments\n.*user-data\n.* passing/s);
    });

    describe('in the chart', () => {
      needsTools('helm');

      it('render', () => {
        const args = ['template', 'stand', 'helm/app', '--values', LOCAL_VALUES];
        const { stdout, stderr } = stand.run('helm', args);
        expect(stderr).to.equal('');
        for (const [name, nodePort] of [
          ['payments', 30083],
          ['user-data', 30084],
        ])
          expect(stdout).to.contain(`image: stand/${name}:dev`).and.contain(`nodePort: ${nodePort}`);
      });
    });

    describe('when removed', () => {
      it('go without a trace', () => {
        expect(make('remove-service', 'NAME=payments YES=1')).to.not.contain('drop schema');
        expect(make('remove-service', 'NAME=user-data YES=1')).to.contain('drop schema "user-data" cascade');
        expectPristine();
      });
    });
  });

  describe('are refused', () => {
    afterEach(expectPristine);

    const refused = (variables: string): Chai.Assertion => expect(() => make('new-service', variables, NPM_FAILS)).to;

    it('without a name', () => refused('NAME=').throw('✗ NAME is missing, as in NAME=payments'));

    it('with a name that is none', () => refused('NAME=../x').throw("✗ ../x can't be a name: use"));

    it('with a name that means something', () => refused('NAME=chassis').throw("✗ chassis can't be a name: it has"));

    it('with the name of another', () => {
      const [name] = Object.keys(loadDefaults().services);
      refused(`NAME=${name}`).throw(`✗ There is a service ${name} already`);
    });

    it('with a DATABASE that is neither 1 nor nothing', () => {
      refused('NAME=payments DATABASE=mysql').throw('✗ DATABASE is 1 or nothing, not mysql');
    });
  });

  describe('over what is left of one', () => {
    for (const path of ['services/payments', 'helm/app/templates/payments'])
      it(`are refused, and ${path} can be removed`, () => {
        stand.write(`${path}/left`, '');
        expect(() => make('new-service', 'NAME=payments', NPM_WORKS)).to.throw(
          `is left in ${path}: make remove-service`,
        );
        expect(stand.read(`${path}/left`)).to.equal('');
        make('remove-service', 'NAME=payments YES=1', NPM_WORKS);
        expectPristine();
      });
  });

  describe('that fail midway leave nothing', () => {
    afterEach(expectPristine);

    for (const [what, npm] of Object.entries({ 'npm fails': NPM_FAILS, 'Ctrl-C is pressed': NPM_IS_STOPPED }))
      it(`when ${what}`, () => {
        expect(() => make('new-service', 'NAME=payments DATABASE=1', npm)).to.throw(
          '✗ npm install failed; everything is as before',
        );
      });
  });

  describe('among others', () => {
    afterEach(() => {
      const values = readdirSync(pristine.at('helm/app')).filter((name) => /^values.*yaml$/.test(name));
      for (const file of [...values.map((name) => `helm/app/${name}`), ...Object.keys(generate())])
        stand.write(file, pristine.read(file));
      for (const path of ['services/payments', 'helm/app/templates/payments'])
        rmSync(stand.at(path), { recursive: true, force: true });
      expectPristine();
    });

    const takePorts = (...ports: number[]): void =>
      stand.changeServices(VALUES, (services) => {
        for (const port of ports) services[`other-${port}`] = { port };
      });
    const change = (file: string, name: string, entry: object): void =>
      stand.changeServices(file, (services) => {
        services[name] = { ...services[name], ...entry };
      });

    it('take the first port that is free', () => {
      takePorts(8083, 8085);
      expect(make('new-service', 'NAME=payments', NPM_WORKS)).to.contain('http://localhost:8084');
      expect(stand.read(LOCAL_VALUES)).to.match(/payments:\n +service:\n +nodePort: 30084\n/);
    });

    it('are refused when no port is free', () => {
      takePorts(8083, 8084, 8085, 8086, 8087, 8088, 8089);
      expect(() => make('new-service', 'NAME=payments', NPM_WORKS)).to.throw('✗ No port is free: 8083 to 8089 are all');
    });

    it('stay while others name them', () => {
      make('new-service', 'NAME=payments', NPM_WORKS);
      change(VALUES, 'needing', { port: 1, needs: ['payments'] });
      change('helm/app/values-prod.yaml', 'using', { uses: ['payments'] });
      expect(() => make('remove-service', 'NAME=payments YES=1', NPM_WORKS)).to.throw(
        '✗ payments is still named in needs or uses of services.using in helm/app/values-prod.yaml and services.needing in helm/app/values.yaml',
      );
      expect(stand.read(VALUES)).to.contain('stand/payments');
    });

    it('go from every environment', () => {
      make('new-service', 'NAME=payments', NPM_WORKS);
      change('helm/app/values-prod.yaml', 'payments', { replicas: 5 });
      make('remove-service', 'NAME=payments YES=1', NPM_WORKS);
      expect(findFaults(stand.root)).to.deep.equal([]);
    });

    it('stay when there is nobody to ask', () => {
      make('new-service', 'NAME=payments', NPM_WORKS);
      expect(() => make('remove-service', 'NAME=payments', NPM_WORKS)).to.throw('YES=1 answers yes');
      expect(readFileSync(stand.at('services/payments/package.json'), 'utf8')).to.contain('@stand/payments');
    });
  });

  it('that never were are not removed', () => {
    expect(() => make('remove-service', 'NAME=nothing YES=1', NPM_WORKS)).to.throw('✗ There is no service nothing.');
    expectPristine();
  });
});
