import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readStand } from '../../scripts/stand/stand.ts';
import { fixtureStand } from '../setup/fixture-stand.ts';
import { needsTools } from '../setup/needs.ts';
import type { StandCopy } from '../setup/stand-copy.ts';

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

/** The fixture stand's Tiltfile as the real Tilt reads it; no cluster is asked for that. */
describe('the Tiltfile', function () {
  this.timeout(60_000);
  needsTools('tilt');
  const { name: repository, context } = readStand();
  const dir = mkdtempSync(join(tmpdir(), 'tilt-'));
  const kubeconfig = join(dir, 'config');
  let stand: StandCopy;

  before(function () {
    stand = fixtureStand();
    selectContext(context);
    const { rows, error } = evaluate();
    if (rows.length > 0 || !/extension/i.test(error)) return;
    console.log("    skipped: Tilt's extensions repository missing");
    this.skip();
  });

  after(() => {
    rmSync(dir, { recursive: true });
    stand?.remove();
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

  function evaluate(...args: string[]): { rows: Row[]; names: string[]; error: string } {
    const { stdout, stderr } = spawnSync('tilt', ['alpha', 'tiltfile-result', '--', ...args], {
      cwd: stand.root,
      encoding: 'utf8',
      // Where Tilt keeps a kubeconfig, which a running Tilt of this user reads again and again.
      env: { ...process.env, KUBECONFIG: kubeconfig, XDG_RUNTIME_DIR: dir, XDG_STATE_HOME: dir },
    });
    const result = stdout.startsWith('{') ? JSON.parse(stdout) : {};
    const rows: Row[] = result.Manifests ?? [];
    return {
      rows,
      names: rows.map(({ Name }) => Name),
      error: stderr + (result.Error?.message ?? result.Error ?? ''),
    };
  }

  function imagesOf(name: string, ...args: string[]): Row['ImageTargets'] {
    const { rows, error } = evaluate(...args);
    const release = rows.find((row) => row.Name === 'release');
    if (!release) throw new Error(error);
    return release.ImageTargets.filter(({ selector }) => selector.startsWith(`${repository}/${name}`));
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

  it('says so when the environment is unknown', () => {
    expect(evaluate('--environment', 'moon').error).to.contain('There is no environment moon');
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
        basePath: stand.root,
        patterns: ['**', `!${stand.at('services/clock')}`],
      });
    });

    it('builds its prod image for staging', () => {
      const targets = imagesOf('clock', '--environment', 'staging').map(({ BuildDetails }) => BuildDetails.target);
      expect(targets).to.deep.equal(['prod']);
    });
  });

  it('updates the others in place', () => {
    for (const name of ['front', 'store']) {
      const updated = imagesOf(name).filter(({ LiveUpdateSpec }) => LiveUpdateSpec.syncs);
      expect(updated.map(({ selector }) => selector)).to.deep.equal([`${repository}/${name}`]);
    }
  });

  it('refuses a kube context that is not the stand’s own', () => {
    selectContext('production');
    const { names, error } = evaluate();
    selectContext(context);
    expect(error).to.contain('production');
    expect(names).to.not.include('front');
  });
});
