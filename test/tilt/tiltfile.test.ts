import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { readNames } from '../../scripts/facts/names.ts';
import { CHART } from '../../scripts/facts/values.ts';
import { container, environmentOf, type Manifest, parseManifests } from '../chart/render.ts';
import { type Copy, VALUES } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { needsTools } from '../setup/needs.ts';

/** A row of Tilt, and the images that it builds. */
interface Row {
  Name: string;
  DeployTarget: {
    applyCmd?: { args: string[]; env: string[] };
    UpdateCmdSpec?: { args: string[] };
    portForwardTemplateSpec?: { forwards: { localPort: number; containerPort: number }[] };
  };
  ImageTargets: {
    selector: string;
    overrideCommand?: object;
    LiveUpdateSpec: { syncs?: object[] };
    BuildDetails: { context?: string; target?: string; secrets?: string[]; contextIgnores: { patterns?: string[] }[] };
  }[];
}

interface Evaluation {
  rows: Row[];
  names: string[];
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
      files: result.ConfigFiles ?? [],
      error: stderr + (result.Error?.message ?? result.Error ?? ''),
    };
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

  it('is read again when the chart, the names or the tokens change', () => {
    const files = ['cluster/ctlptl.yaml', 'cluster/namespace.yaml', CHART, '.npmrc'];
    expect(evaluate('--environment', 'staging').files).to.include.members(files.map((file) => fixture.at(file)));
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
      const inspector = { name: 'NODE_DEBUG_OPTION', value: '--inspect=0.0.0.0:9229' };
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
    /^(PG\w+|DATABASE_\w+|\w+_URL|PORT|LOG_\w+|FORCE_COLOR)$/.test(variable);

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
    const command = row('release', ...args).DeployTarget.applyCmd?.args ?? [];
    const flags = command.filter((argument) => /^--(values|set)/.test(argument));
    const images = ['front', 'store', 'clock'].map((name) => {
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
