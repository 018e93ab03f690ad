import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

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
    const { stdout, stderr } = spawnSync('tilt', ['alpha', 'tiltfile-result', '--', ...args], {
      encoding: 'utf8',
      env: { ...process.env, KUBECONFIG: kubeconfig },
    });
    const result = stdout.startsWith('{') ? JSON.parse(stdout) : {};
    const rows = (result.Manifests ?? []).map((manifest: { Name: string }) => manifest.Name);
    return { rows, error: stderr + (result.Error?.message ?? result.Error ?? '') };
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
