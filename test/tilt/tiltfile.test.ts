import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { addPythonService, NAME } from '../setup/python-service.ts';
import { StandCopy } from '../setup/stand-copy.ts';

/** A row of Tilt, and the images that it builds. */
interface Row {
  Name: string;
  ImageTargets: {
    selector: string;
    overrideCommand?: object;
    LiveUpdateSpec: { syncs?: object[] };
    BuildDetails: { target?: string; contextIgnores: { patterns?: string[] }[] };
  }[];
}

/** The Tiltfile as the real Tilt reads it; no cluster is asked for that. */
describe('the Tiltfile', function () {
  this.timeout(60_000);
  const dir = mkdtempSync(join(tmpdir(), 'tilt-'));
  const kubeconfig = join(dir, 'config');

  before(function () {
    if (spawnSync('tilt', ['version']).error) skip(this, 'tilt');
    selectContext('kind-stand');
    if (/extension/i.test(evaluate().error) && !succeeds()) skip(this, "Tilt's extensions repository");
  });

  after(() => rmSync(dir, { recursive: true }));

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

  function evaluate(...args: string[]): { rows: string[]; error: string } {
    const { manifests, error } = evaluateIn('.', ...args);
    return { rows: manifests.map(({ Name }) => Name), error };
  }

  function evaluateIn(cwd: string, ...args: string[]): { manifests: Row[]; error: string } {
    const { stdout, stderr } = spawnSync('tilt', ['alpha', 'tiltfile-result', '--', ...args], {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, KUBECONFIG: kubeconfig },
    });
    const result = stdout.startsWith('{') ? JSON.parse(stdout) : {};
    return { manifests: result.Manifests ?? [], error: stderr + (result.Error?.message ?? result.Error ?? '') };
  }

  const succeeds = (): boolean => evaluate().rows.length > 0;

  it('has a row for the release, each service and the database', () => {
    expect(evaluate().rows).to.include.members(['release', 'gateway', 'catalog', 'orders', 'postgresql']);
  });

  it('has rows only for the services that were asked for', () => {
    const { rows } = evaluate('gateway', 'catalog');
    expect(rows).to.include.members(['gateway', 'catalog']).and.not.include('orders');
  });

  it('names the services there are when one is unknown', () => {
    expect(evaluate('gatewya').error).to.contain('There is no service gatewya. There are: catalog, gateway, orders.');
  });

  it('says so when the environment is unknown', () => {
    expect(evaluate('--environment', 'moon').error).to.contain('There is no environment moon');
  });

  it('has no local database in staging', () => {
    expect(evaluate('--environment', 'staging').rows).to.include('gateway').and.not.include('postgresql');
  });

  describe('with a service in another language', () => {
    let stand: StandCopy;
    before(() => {
      stand = new StandCopy();
      addPythonService(stand);
    });
    after(() => stand?.remove());

    function imagesOf(name: string, ...args: string[]): Row['ImageTargets'] {
      const { manifests, error } = evaluateIn(stand.root, ...args);
      const release = manifests.find((row) => row.Name === 'release');
      if (!release) throw new Error(error);
      return release.ImageTargets.filter(({ selector }) => selector.startsWith(`stand/${name}`));
    }

    it('builds its image from its own folder and leaves the start to it', () => {
      const images = imagesOf(NAME);
      expect(images).to.have.lengthOf(1);
      const { LiveUpdateSpec, overrideCommand, BuildDetails } = images[0] as Row['ImageTargets'][0];
      expect(LiveUpdateSpec.syncs).to.equal(undefined);
      expect(overrideCommand).to.equal(undefined);
      expect(BuildDetails.target).to.equal('dev');
      expect(BuildDetails.contextIgnores).to.deep.include({
        basePath: stand.root,
        patterns: ['**', `!${stand.at(`services/${NAME}`)}`],
      });
    });

    it('builds its prod image for staging', () => {
      const targets = imagesOf(NAME, '--environment', 'staging').map(({ BuildDetails }) => BuildDetails.target);
      expect(targets).to.deep.equal(['prod']);
    });

    it('updates the others in place', () => {
      const updated = imagesOf('catalog').filter(({ LiveUpdateSpec }) => LiveUpdateSpec.syncs);
      expect(updated.map(({ selector }) => selector)).to.deep.equal(['stand/catalog']);
    });
  });

  it('refuses a kube context that is not the stand’s own', () => {
    selectContext('production');
    const { rows, error } = evaluate();
    selectContext('kind-stand');
    expect(error).to.contain('production');
    expect(rows).to.not.include('gateway');
  });
});

function skip(context: Mocha.Context, missing: string): never {
  console.log(`    skipped: ${missing} missing`);
  return context.skip();
}
