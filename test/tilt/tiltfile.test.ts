import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { readNames } from '../../scripts/facts/names.ts';
import { CHART, MINE } from '../../scripts/facts/values.ts';
import { container, environmentOf, find, type Manifest, parseManifests } from '../chart/render.ts';
import { type Copy, LOCAL_VALUES, VALUES } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { needsTools } from '../setup/needs.ts';

/** A row of Tilt, and the images that it builds. */
interface Row {
  Name: string;
  Labels: Record<string, string> | null;
  TriggerMode: number;
  DeployTarget: {
    applyCmd?: { args: string[]; env: string[] };
    UpdateCmdSpec?: { args: string[] };
    ServeCmd?: { Argv: string[] };
    Deps?: string[];
    AllowParallel?: boolean;
    Links?: { Name: string; URL: { Host: string; Path: string } }[] | null;
    portForwardTemplateSpec?: { forwards: { localPort: number; containerPort: number }[] };
  };
  ImageTargets: {
    selector: string;
    overrideCommand?: object;
    LiveUpdateSpec: { syncs?: object[]; execs?: { args: string[]; triggerPaths?: string[] }[] };
    BuildDetails: {
      Deps?: string[];
      context?: string;
      target?: string;
      secrets?: string[];
      contextIgnores: { patterns?: string[] }[];
    };
  }[];
}

interface Button {
  text: string;
  iconName: string;
  requiresConfirmation?: boolean;
  inputs?: { name: string }[];
  location: { componentType: string; componentID: string };
  /** What a click runs, and in which row its lines are. */
  command: string;
  row: string;
}

/** pkg/model/trigger_mode.go: not at the start, but after a change of a file. */
const ON_CHANGE_ALONE = 3;

interface Evaluation {
  rows: Row[];
  names: string[];
  buttons: Record<string, Button>;
  /** Those whose change lets Tilt read the Tiltfile again. */
  files: string[];
  error: string;
}

/** The fixture's Tiltfile as the real Tilt reads it; no cluster is asked for that. */
describe('the Tiltfile', () => {
  needsTools('tilt', 'helm');
  const { name: repository, context } = readNames();
  const dir = mkdtempSync(join(tmpdir(), 'tilt-'));
  const kubeconfig = join(dir, 'config');
  let fixture: Copy;

  before(function () {
    fixture = fixtureCopy();
    fixture.install();
    selectContext(context);
    const { rows, error } = evaluate();
    if (rows.length > 0 || !/extension/i.test(error)) return;
    console.log("    skipped: Tilt's extensions repository missing");
    this.skip();
  });

  after(() => {
    rmSync(dir, { recursive: true });
    fixture?.remove();
  });

  function selectContext(name: string): void {
    const context = { name, context: { cluster: name, user: name } };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': name,
      contexts: [context],
      clusters: [{ name, cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name, user: {} }],
    };
    writeFileSync(kubeconfig, JSON.stringify(config));
  }

  function evaluate(...args: string[]): Evaluation {
    const { stdout, stderr } = spawnSync('tilt', ['alpha', 'tiltfile-result', '--', ...args], {
      cwd: fixture.root,
      encoding: 'utf8',
      // Where Tilt keeps a kubeconfig, which a running Tilt of this user reads again and again.
      env: { ...process.env, KUBECONFIG: kubeconfig, XDG_RUNTIME_DIR: dir, XDG_STATE_HOME: dir },
    });
    const result = stdout.startsWith('{') ? JSON.parse(stdout) : {};
    const rows: Row[] = result.Manifests ?? [];
    return {
      rows,
      names: rows.map(({ Name }) => Name),
      buttons: buttonsOf(result.ObjectSet ?? {}),
      files: result.ConfigFiles ?? [],
      error: stderr + (result.Error?.message ?? result.Error ?? ''),
    };
  }

  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind
  function buttonsOf(objects: Record<string, Record<string, any>>): Record<string, Button> {
    const commands = objects['tilt.dev/v1alpha1, Resource=cmds'] ?? {};
    const buttons = Object.entries(objects['tilt.dev/v1alpha1, Resource=uibuttons'] ?? {});
    return Object.fromEntries(
      buttons.map(([name, { spec }]) => {
        const { spec: given, metadata } = commands[`btn-${name}`];
        return [name, { ...spec, command: given.args.at(-1), row: metadata.annotations['tilt.dev/resource'] }];
      }),
    );
  }

  function row(name: string, ...args: string[]): Row {
    const { rows, error } = evaluate(...args);
    const found = rows.find((row) => row.Name === name);
    if (!found) throw new Error(error);
    return found;
  }

  function imagesOf(name: string, ...args: string[]): Row['ImageTargets'] {
    const isOurs = (selector: string): boolean => selector.startsWith(`${repository}/${name}`);
    return row('release', ...args).ImageTargets.filter(({ selector }) => isOurs(selector));
  }

  it('has a row for the release, each service and the database', () => {
    expect(evaluate().names).to.include.members(['release', 'front', 'store', 'clock', 'postgresql']);
  });

  it('has links to the API, on the chassis to its page, where the service and its environment have it', () => {
    fixture.write('services/store/openapi.json', '{}');
    const pages = (...args: string[]): string[] =>
      evaluate(...args)
        .rows.flatMap(({ DeployTarget: { Links } }) => Links ?? [])
        .flatMap(({ Name, URL: { Host, Path } }) => (Name === 'API' ? Host + Path : []));
    expect(pages()).to.deep.equal(['localhost:8081/docs', 'localhost:8082/openapi.json']);
    expect(pages('--environment', 'staging')).to.deep.equal([]);
    fixture.remove('services/store/openapi.json');
  });

  it('has rows only for the services that were asked for', () => {
    const { names } = evaluate('front', 'store');
    expect(names).to.include.members(['front', 'store']).and.not.include('clock');
  });

  it('names the services there are when one is unknown', () => {
    expect(evaluate('fornt').error).to.contain('There is no service fornt. There are: clock, front, store.');
  });

  it('knows no service by what every object has', () => {
    expect(evaluate('constructor').error).to.contain('There is no service constructor. There are:');
  });

  it('names what a service needs and was not asked for', () => {
    expect(evaluate('front').error).to.contain('services.front needs store, which is disabled');
  });

  it('says so when the environment is unknown', () => {
    expect(evaluate('--environment', 'moon').error).to.contain('There is no environment moon. There are: local');
  });

  it('is read again when the chart, its values, the names or the tokens change', () => {
    const files = ['cluster/ctlptl.yaml', 'cluster/namespace.yaml', '.npmrc', VALUES, `${CHART}/templates`];
    const at = (paths: string[]): string[] => paths.map((path) => fixture.at(path));
    expect(evaluate().files).to.include.members(at([...files, LOCAL_VALUES, MINE]));
    expect(evaluate('--environment', 'staging').files).to.include.members(
      at([...files, `${CHART}/values-staging.yaml`]),
    );
  });

  it('is not read again when the values of another environment change', () => {
    const { files } = evaluate();
    expect(files)
      .to.not.include(fixture.at(CHART))
      .and.not.include(fixture.at(`${CHART}/values-prod.yaml`));
    expect(evaluate('--environment', 'prod').files).to.not.include(fixture.at(LOCAL_VALUES));
  });

  describe('gives helm the chart', () => {
    const chart = (): string | undefined =>
      row('release').DeployTarget.applyCmd?.env.find((it) => it.startsWith('CHART='));

    it('as it was read, whatever is changed while images are built', () => {
      const values = fixture.read(VALUES);
      const before = chart();
      const folder = before?.replace('CHART=', '') ?? '';
      fixture.write(VALUES, `${values}\n`);
      expect(chart()).to.not.equal(before);
      expect(fixture.read(`${folder}/values.yaml`)).to.equal(values);
      fixture.write(VALUES, values);
      expect(chart()).to.equal(before);
    });
  });

  describe('with values of a developer’s own', () => {
    const values = { services: { clock: { enabled: false }, store: { logLevel: 'trace' } } };
    before(() => fixture.write(MINE, stringify(values)));
    after(() => fixture.remove(MINE));

    it('runs what they say, in the local cluster alone', () => {
      expect(evaluate().names).to.include('store').and.not.include('clock');
      expect(environmentOf(container(deployedWith(), 'store')).LOG_LEVEL).to.equal('trace');
      expect(evaluate('--environment', 'staging').names).to.include('clock');
    });
  });

  describe('with a service on this machine', () => {
    const faults: Record<string, [string[], string]> = {
      'there is none of its name': [
        ['--local=fornt'],
        'LOCAL names fornt, which does not run. There are: clock, front',
      ],
      'it is not among those that run': [['--local=clock', 'front', 'store'], 'LOCAL names clock, which does not run.'],
      'released images are to run': [['--local=store', '--environment', 'staging'], 'LOCAL runs sources, and ENV=stag'],
    };
    for (const [when, [args, said]] of Object.entries(faults))
      it(`says so when ${when}`, () => expect(evaluate(...args).error).to.contain(said));
  });

  describe('with some services edited and the rest as released', () => {
    const FILE = 'dist/images-1.4.2.yaml';
    const digest = `sha256:${'1'.repeat(64)}`;
    const edit = ['--edit=front', '--version=1.4.2'];
    before(() =>
      fixture.write(
        FILE,
        stringify({
          serviceDefaults: { image: { registry: 'registry.example.com/team' } },
          services: { store: { image: { digest } }, clock: { image: { digest } } },
        }),
      ),
    );
    after(() => fixture.remove('dist'));

    it('builds the edited alone, and reads anew what make package makes', () => {
      const { rows, names, files } = evaluate(...edit);
      const builds = rows.flatMap(({ Name, ImageTargets }) =>
        (ImageTargets ?? []).map(({ selector }) => `${Name} ${selector}`),
      );
      expect(builds.join()).to.contain('front').and.not.contain('store').and.not.contain('clock');
      expect(names).to.include('store');
      expect(evaluate(...edit, '--tests').names).to.not.include('store tests');
      expect(files).to.include(fixture.at(FILE));
    });

    it('runs the rest from its digests by production’s settings, within reach and with its data', () => {
      const manifests = deployedWith(...edit);
      const { image, securityContext, resources } = container(manifests, 'store');
      expect(image).to.equal(`registry.example.com/team/stand/store@${digest}`);
      expect(securityContext).to.include({ readOnlyRootFilesystem: true });
      expect(resources?.limits).to.include({ memory: '384Mi' });
      expect(environmentOf(container(manifests, 'store'))).to.include({
        LOG_FORMAT: 'json',
        PORT: '8081',
        PGHOST: 'postgresql',
      });
      const { spec } = find(manifests, 'Deployment', 'store');
      const { command, args } = spec.template.spec.initContainers[0];
      expect([...command, ...args]).to.deep.equal(['node', 'dist/migrate.js', '--seed']);
      expect(find(manifests, 'Service', 'store').spec.ports[0]).to.include({ nodePort: 30081 });
      expect(container(manifests, 'front').image).to.equal('localhost:5005/front:tilt-1');
      expect(environmentOf(container(manifests, 'front'))).to.include({ LOG_FORMAT: 'text' });
    });

    it('keeps what local values say of one of them alone', () => {
      const mine = { services: { store: { logLevel: 'trace' }, clock: { enabled: false } } };
      fixture.write(MINE, stringify(mine));
      try {
        expect(environmentOf(container(deployedWith(...edit), 'store')).LOG_LEVEL).to.equal('trace');
        expect(evaluate(...edit).names).to.not.include('clock');
      } finally {
        fixture.remove(MINE);
      }
    });

    const faults: Record<string, [string[], string]> = {
      'there is none of its name': [
        ['--edit=fornt', '--version=1.4.2'],
        'EDIT names fornt, which does not run. There are: clock, front',
      ],
      'it is not told which version the rest is': [['--edit=front'], 'VERSION is missing'],
      'nothing is edited': [['--version=1.4.2'], 'EDIT is missing'],
      'the version is not there': [['--edit=front', '--version=9.9.9'], 'dist/images-9.9.9.yaml is missing'],
      'the version has no image of one': [['--edit=store', '--version=1.4.2'], `${FILE} has no image of front`],
      'all is as released': [[...edit, '--environment', 'staging'], 'EDIT is about sources, and ENV=staging runs what'],
    };
    for (const [when, [args, said]] of Object.entries(faults))
      it(`says so when ${when}`, () => expect(evaluate(...args).error).to.contain(said));
  });

  describe('with tokens of private registries', () => {
    before(() => fixture.write('.npmrc', '//npm.example.com/:_authToken=token'));
    after(() => fixture.remove('.npmrc'));

    it('gives them to builds as a secret', () => {
      for (const environment of ['local', 'staging'])
        for (const name of ['front', 'store']) {
          const secrets = imagesOf(name, '--environment', environment).map(({ BuildDetails }) => BuildDetails.secrets);
          expect(secrets).to.deep.include([`id=npmrc,src=${fixture.at('.npmrc')}`]);
        }
    });

    it('gives them to the pods of the local cluster alone', () => {
      expect(evaluate().names).to.include('npmrc');
      expect(evaluate('--environment', 'staging').names).to.not.include('npmrc');
    });
  });

  it('gives no secret where there is none', () => {
    expect(evaluate().names).to.not.include('npmrc');
    expect(imagesOf('front').flatMap(({ BuildDetails }) => BuildDetails.secrets ?? [])).to.deep.equal([]);
  });

  describe('with a database per branch', () => {
    const NOTE = '.stand/database-per-branch';
    const inFixture = (...args: string[]) => spawnSync('git', args, { cwd: fixture.root });
    before(() => {
      inFixture('init', '--quiet', '--initial-branch=feature/a,b');
      fixture.write(NOTE, '');
    });
    after(() => {
      fixture.remove(NOTE);
      fixture.remove('.git');
    });

    it('makes it before the pods that wait for it, under a name that is no other branch’s', () => {
      const { names } = evaluate();
      expect(names).to.include('branch database');
      const { env = [] } = container(deployedWith(), 'store');
      const database = env.find(({ name }) => name === 'PGDATABASE')?.value;
      expect(database).to.match(/^stand\.feature\/a-b-[0-9a-f]{8}$/);
      expect(row('branch database').DeployTarget.ServeCmd?.Argv).to.include(database);
    });

    it('takes up another branch and its migrations together, never migrations alone', () => {
      const migrations = fixture.at('services/store/migrations');
      expect(evaluate().files).to.not.include(fixture.at('services/Dockerfile/migrations'));
      expect(evaluate().files).to.include.members([migrations, fixture.at('.stand/branch')]);
      const watched = row('store').ImageTargets[0]?.BuildDetails.Deps;
      expect(watched).to.include(fixture.at('services/store/src')).and.not.include(migrations);
      expect(watched).to.not.include(fixture.at('services/store'));
    });

    it('is of one branch, when there is a checkout while it is read', async () => {
      const checkout = (branch: string) => inFixture('symbolic-ref', 'HEAD', `refs/heads/${branch}`);
      const sources = fixture.at('.stand/sources');
      rmSync(sources, { recursive: true, force: true });
      let isRead = false;
      const script = ['--conditions=source', '--require', 'ts-node/register', 'scripts/cluster/tilt.ts'];
      const reading = promisify(execFile)('node', script, { cwd: fixture.root, env: process.env });
      void reading.finally(() => {
        isRead = true;
      });
      // What it copies once it has read the values.
      while (!existsSync(sources) && !isRead) await setImmediate();
      checkout('other');
      const { stdout } = await reading;
      expect(JSON.parse(stdout)).to.include({ branchDatabase: 'stand.other' }).and.not.have.property('fault');
      checkout('feature/a,b');
    });

    it('has the main one on the main branch, and outside of the local cluster', () => {
      expect(evaluate('--environment', 'staging').names).to.not.include('branch database');
      inFixture('symbolic-ref', 'HEAD', 'refs/heads/main');
      expect(row('branch database').DeployTarget.ServeCmd?.Argv).to.include('stand');
    });
  });

  describe('with debuggers', () => {
    it('leads each to a port of its own', () => {
      const { rows } = evaluate('--debug');
      const ports = rows.flatMap(({ DeployTarget }) => DeployTarget.portForwardTemplateSpec?.forwards ?? []);
      expect(ports.map(({ localPort, containerPort }) => [localPort, containerPort])).to.deep.equal([
        [9229, 9229],
        [9230, 9229],
      ]);
    });

    it('opens one in each Node.js service, beside the variables that the values have', () => {
      const variable = (name: string) => ({ name, valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } });
      const forAll = [variable('FIRST'), variable('SECOND')];
      const manifests = withValues(
        (values) => {
          values.serviceDefaults.env = forAll;
          values.services.front.env = [variable('OWN')];
        },
        () => deployedWith('--debug'),
      );
      const inspector = { name: 'NODE_DEBUG_OPTION', value: '--inspect=127.0.0.1:9229 --inspect-publish-uid=http' };
      const variables = (service: string) => container(manifests, service).env?.filter(({ name }) => !isOfChart(name));
      expect(variables('store')).to.deep.equal([...forAll, inspector]);
      expect(variables('front')).to.deep.equal([variable('OWN'), inspector]);
      expect(variables('clock')).to.deep.equal(forAll);
    });
  });

  it('has Jaeger only with traces, in a row with its page, and tells the services of it', () => {
    expect(evaluate().names).to.not.include('jaeger');
    const { portForwardTemplateSpec } = row('jaeger', '--traces').DeployTarget;
    expect(portForwardTemplateSpec?.forwards[0]).to.include({ containerPort: 16686, localPort: 16686 });
    const { env = [] } = container(deployedWith('--traces'), 'front');
    expect(env).to.deep.include.members([
      { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: 'http://jaeger:4318' },
      { name: 'TRACES_URL', value: 'http://localhost:16686' },
    ]);
  });

  it('deploys the images it builds, whatever released ones the values name', () => {
    const manifests = withValues(
      (values) => {
        values.serviceDefaults.image.registry = 'registry.example.com/team';
        values.services.store.image.digest = `sha256:${'0'.repeat(64)}`;
      },
      () => deployedWith(),
    );
    for (const name of ['front', 'store', 'clock'])
      expect(container(manifests, name).image).to.equal(`localhost:5005/${name}:tilt-1`);
  });

  const isOfChart = (variable: string): boolean =>
    /^(PG\w+|DATABASE_\w+|\w+_URL|PORT|LOG_\w+|API_DOCS|FORCE_COLOR)$/.test(variable);

  // biome-ignore lint/suspicious/noExplicitAny: values of any shape
  function withValues<Result>(change: (values: any) => void, use: () => Result): Result {
    const text = fixture.read(VALUES);
    const values = parse(text);
    change(values);
    fixture.write(VALUES, stringify(values));
    try {
      return use();
    } finally {
      fixture.write(VALUES, text);
    }
  }

  /** The objects that helm makes with the flags that Tilt calls it with, and those that it adds for the images. */
  function deployedWith(...args: string[]): Manifest[] {
    const { args: command = [], env = [] } = row('release', ...args).DeployTarget.applyCmd ?? {};
    const flags = command.filter((argument) => /^--(values|set)/.test(argument));
    const built = ['front', 'store', 'clock'].filter((name) => env.join().includes(`services.${name}.image.tag`));
    const images = built.map((name) => {
      const image = `services.${name}.image`;
      return `--set=${image}.repository=localhost:5005/${name},${image}.tag=tilt-1`;
    });
    const { stdout, stderr } = fixture.run('helm', ['template', 'stand', 'helm/app', ...flags, ...images]);
    if (!stdout) throw new Error(stderr);
    return parseManifests(stdout);
  }

  it('shows the services’ colours locally, but none with NO_COLOR or where others read the log', () => {
    const { NO_COLOR: before } = process.env;
    const colours = (...args: string[]): unknown =>
      environmentOf(container(deployedWith(...args), 'store')).FORCE_COLOR;
    try {
      delete process.env.NO_COLOR;
      expect(colours()).to.equal('1');
      expect(colours('--environment', 'staging')).to.equal(undefined);
      process.env.NO_COLOR = '1';
      expect(colours()).to.equal(undefined);
    } finally {
      if (before === undefined) delete process.env.NO_COLOR;
      else process.env.NO_COLOR = before;
    }
  });

  it('builds once what the services have in common', () => {
    for (const [environment, targets] of [
      ['local', ['dev']],
      ['staging', ['build', 'prod']],
    ] as const) {
      const images = imagesOf('node/', '--environment', environment);
      expect(images.map(({ selector }) => selector)).to.have.members(targets.map((it) => `${repository}/node/${it}`));
    }
  });

  it('has no local database in staging', () => {
    expect(evaluate('--environment', 'staging').names).to.include('front').and.not.include('postgresql');
  });

  describe('for a service in another language', () => {
    it('builds its image from its own folder and leaves the start to it', () => {
      const images = imagesOf('clock');
      expect(images).to.have.lengthOf(1);
      const { LiveUpdateSpec, overrideCommand, BuildDetails } = images[0] as Row['ImageTargets'][0];
      expect(LiveUpdateSpec.syncs).to.equal(undefined);
      expect(overrideCommand).to.equal(undefined);
      expect(BuildDetails.target).to.equal('dev');
      expect(BuildDetails.contextIgnores).to.deep.include({
        basePath: fixture.root,
        patterns: ['**', `!${fixture.at('services/clock')}`],
      });
    });

    it('builds its prod image for staging', () => {
      const targets = imagesOf('clock', '--environment', 'staging').map(({ BuildDetails }) => BuildDetails.target);
      expect(targets).to.deep.equal(['prod']);
    });
  });

  describe('updates the others in place', () => {
    const syncs = (images: Row['ImageTargets']): unknown[] =>
      images.flatMap(({ LiveUpdateSpec }) => LiveUpdateSpec.syncs ?? []);

    it('in rows of their own, and as released ones not at all', () => {
      for (const name of ['front', 'store']) {
        const folders = { localPath: `services/${name}`, containerPath: `/app/services/${name}` };
        expect(syncs(row(name).ImageTargets)).to.deep.include(folders);
        expect(syncs(imagesOf(name))).to.deep.equal([]);
        expect(row(name, '--environment', 'staging').ImageTargets).to.deep.equal([]);
      }
    });

    it('and builds their images from a copy, which no save changes', () => {
      const contextOf = () => imagesOf('front')[0]?.BuildDetails.context ?? '';
      const added = 'services/front/src/new.ts';
      const before = contextOf();
      expect(readFileSync(join(before, 'services/front/src/app.ts'), 'utf8')).to.equal(
        fixture.read('services/front/src/app.ts'),
      );
      const others = imagesOf('store')[0]?.BuildDetails.context;

      fixture.write(added, '');
      const after = contextOf();
      expect(existsSync(join(after, added))).to.equal(true);
      expect(existsSync(join(before, added))).to.equal(false);
      expect(imagesOf('store')[0]?.BuildDetails.context).to.equal(others);
      fixture.remove(added);
      expect(contextOf()).to.equal(before);
    });
  });

  it('has each row under a label', () => {
    const { rows } = evaluate('--debug', '--traces', '--tests');
    expect(rows.filter(({ Labels }) => !Labels).map(({ Name }) => Name)).to.deep.equal([]);
  });

  describe('has rows of tests', () => {
    before(() => fixture.write('services/front/test/front.test.ts', ''));
    after(() => fixture.remove('services/front/test'));

    const testedBy = (name: string): string[] | undefined =>
      row(name, '--tests').DeployTarget.Deps?.map((path) => relative(fixture.root, path));

    it('for Node.js services that have some, only where they are wanted and a save is served', () => {
      const testRows = (...args: string[]) => evaluate(...args).names.filter((name) => name.endsWith(' tests'));
      expect(testRows('--tests')).to.have.members(['front tests', 'store tests']);
      expect(testRows('--tests', 'store')).to.deep.equal(['store tests']);
      expect(testRows()).to.deep.equal([]);
      expect(testRows('--tests', '--environment', 'staging')).to.deep.equal([]);
    });

    it('that run after a save of the service, of those that it calls, or of the chassis', () => {
      expect(testedBy('store tests')).to.deep.equal(['services/store', 'services/chassis/src']);
      expect(testedBy('front tests')).to.deep.equal(['services/front', 'services/store', 'services/chassis/src']);
    });

    it('not at the start, beside all else, at the lowest priority', () => {
      const { TriggerMode, DeployTarget } = row('front tests', '--tests');
      expect(TriggerMode).to.equal(ON_CHANGE_ALONE);
      expect(DeployTarget.AllowParallel).to.equal(true);
      expect(DeployTarget.UpdateCmdSpec?.args.at(-1)).to.match(/ nice -n 19 .*tests-row\.ts front store; fi$/);
    });
  });

  it('asks after a save of the sources for all services at once whether they have started, and in none of their rows', () => {
    const { TriggerMode, DeployTarget } = row('starts');
    expect(TriggerMode).to.equal(ON_CHANGE_ALONE);
    expect(DeployTarget.AllowParallel).to.equal(true);
    expect(DeployTarget.UpdateCmdSpec?.args.at(-1)).to.match(
      / nice -n 19 node .*starts-row\.cjs .* front:\d+ store:\d+$/,
    );
    expect(DeployTarget.Deps?.map((path) => relative(fixture.root, path))).to.have.members([
      'services/chassis/src',
      'services/front/src',
      'services/store/src',
    ]);
    const execs = row('front').ImageTargets.flatMap(({ LiveUpdateSpec }) => LiveUpdateSpec.execs ?? []);
    const asking = execs.filter(({ args }) => args.join(' ').includes('started.cjs'));
    expect(asking.map(({ triggerPaths }) => triggerPaths)).to.deep.equal([[fixture.at('.stand/down/front')]]);
  });

  it('has a row that tells whom a save of the sources breaks, not at the start, at the lowest priority', () => {
    const { TriggerMode, DeployTarget } = row('api-diff');
    expect(TriggerMode).to.equal(ON_CHANGE_ALONE);
    expect(DeployTarget.AllowParallel).to.equal(true);
    expect(DeployTarget.UpdateCmdSpec?.args.at(-1)).to.match(/ nice -n 19 .*api-diff\.ts; fi$/);
    expect(DeployTarget.Deps?.map((path) => relative(fixture.root, path))).to.have.members([
      'services/chassis/src',
      'services/front/src',
      'services/store/src',
      'services/clock',
    ]);
  });

  /** The extension that makes them does so only in `tilt up` and `tilt ci`, of which neither is tried here. */
  describe('has buttons', () => {
    const OWN = 'tilt_modules/buttons/Tiltfile';
    let text: string;

    before(() => {
      const extension = evaluate().files.find((file) => file.endsWith('/uibutton/Tiltfile')) ?? '';
      const everywhere = readFileSync(extension, 'utf8').replace("['up', 'ci']", "['alpha tiltfile-result']");
      fixture.write('tilt_modules/uibutton/Tiltfile', everywhere);
      text = fixture.read(OWN);
      fixture.write(OWN, text.replace('ext://uibutton', '../uibutton/Tiltfile'));
    });
    after(() => {
      fixture.write(OWN, text);
      fixture.remove('tilt_modules/uibutton');
    });

    it('at the top of the page, each with an icon and a target that there is', () => {
      const { buttons } = evaluate();
      expect(buttons).to.have.all.keys('open', 'traffic', 'lint-chart', 'db-seed', 'db-save', 'db-load', 'db-reset');
      const makefile = fixture.read('Makefile');
      for (const [name, { text, iconName, location, command }] of Object.entries(buttons)) {
        expect(text).to.match(/^[A-Z]/);
        expect(iconName).to.match(/^[a-z_]+$/);
        expect(location).to.deep.equal({ componentType: 'Global', componentID: 'nav' });
        expect(command).to.contain(`make --silent ${name} `);
        expect(makefile).to.match(new RegExp(`^${name}:`, 'm'));
      }
    });

    it('for data where the database is, which ask before any is lost', () => {
      const { buttons } = evaluate();
      for (const [name, { row, requiresConfirmation = false, command }] of Object.entries(buttons)) {
        expect(row).to.equal(name.startsWith('db-') ? 'postgresql' : '(Tiltfile)');
        expect(requiresConfirmation).to.equal(['db-load', 'db-reset'].includes(name));
        expect(command.includes('YES=1')).to.equal(requiresConfirmation);
      }
      for (const name of ['db-save', 'db-load'])
        expect(buttons[name]?.inputs).to.have.nested.property('[0].name', 'NAME');
      expect(evaluate('--environment', 'staging').buttons).to.have.all.keys('open', 'traffic', 'lint-chart');
    });
  });

  it('runs helm test in the stand’s own cluster', () => {
    const command = row('helm-test').DeployTarget.UpdateCmdSpec?.args.at(-1);
    expect(command).to.match(new RegExp(` --kube-context ${context}$`));
  });

  it('refuses a kube context that is not the stand’s own', () => {
    selectContext('production');
    const { names, error } = evaluate();
    selectContext(context);
    expect(error).to.contain('production');
    expect(names).to.not.include('front');
  });
});
