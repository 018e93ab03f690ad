import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { describeChanges } from '../../scripts/chart/changes.ts';
import { type Copy, VALUES } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { needsTools } from '../setup/needs.ts';
import { eventually } from '../setup/wait.ts';
import { renderText, SERVICES } from './render.ts';

const PROD = 'helm/app/values-prod.yaml';

const { repository: REPOSITORY } = SERVICES.front.image;

const service = (name: string, values: object): object => ({ services: { [name]: values } });

/** Changed values, and all that is said of them. */
const CHANGES: [what: string, values: object, sentences: string[]][] = [
  [
    'a limit',
    service('store', { resources: { limits: { memory: '512Mi' } } }),
    ['store: memory limit 384Mi → 512Mi, pods restart'],
  ],
  [
    'a request',
    service('store', { resources: { requests: { cpu: '200m' } } }),
    ['store: cpu request 100m → 200m, pods restart'],
  ],
  ['a variable', service('front', { logLevel: 'debug' }), ['front: environment LOG_LEVEL info → debug, pods restart']],
  [
    'a new variable',
    service('front', { env: [{ name: 'TITLE', value: 'My shop' }] }),
    ['front: environment TITLE (none) → "My shop", pods restart'],
  ],
  [
    'a default, once for all',
    { serviceDefaults: { logLevel: 'warn' } },
    ['clock, front, store: environment LOG_LEVEL info → warn, pods restart'],
  ],
  [
    'autoscaling, which restarts nothing',
    service('front', { autoscaling: { minReplicas: 3, maxReplicas: 9 } }),
    ['front: autoscaling minimum 2 → 3', 'front: autoscaling maximum 6 → 9'],
  ],
  [
    'a disruption budget',
    service('front', { podDisruptionBudget: { maxUnavailable: 2 } }),
    ['front: disruption budget maxUnavailable 1 → 2'],
  ],
  [
    'an object less',
    service('front', { podDisruptionBudget: { enabled: false } }),
    ['front: PodDisruptionBudget is gone'],
  ],
  [
    'an object more',
    service('front', { ingress: { enabled: true, hosts: ['shop.example.com'] } }),
    ['front: Ingress is new'],
  ],
  [
    'a probe',
    service('front', { readinessProbe: { failureThreshold: 5 } }),
    ['front: readiness probe failureThreshold 3 → 5, pods restart'],
  ],
  [
    'an image',
    service('front', { image: { tag: '2.0.0' } }),
    [`front: image ${REPOSITORY}:1.2.3 → ${REPOSITORY}:2.0.0, pods restart`],
  ],
  [
    'what has no words, by its path',
    service('front', { priorityClassName: 'high' }),
    ['Deployment front: spec.template.spec.priorityClassName (none) → high, pods restart'],
  ],
  ['nothing', {}, []],
];

/** As it is deployed, without helm's test pods. */
const renderProd = (values = {}): string =>
  renderText({ environment: 'prod', values })
    .split(/^(?=---$)/m)
    .filter((document) => !document.includes('helm.sh/hook'))
    .join('');

const manifest = (kind: string, content: string): string => `---\nkind: ${kind}\nmetadata:\n  name: a\n${content}`;

describe('the changes of a rendered chart', () => {
  needsTools('helm');

  for (const [what, values, sentences] of CHANGES)
    it(`tell of ${what}`, () => {
      const before = renderProd();
      expect(describeChanges(before, renderProd(values))).to.have.members(sentences);
    });

  it('tell of a service that is new or gone, and not of each of its objects', () => {
    const all = renderProd();
    const fewer = renderProd(service('clock', { enabled: false }));
    expect(describeChanges(fewer, all))
      .to.include('clock is new')
      .and.not.match(/ServiceAccount|Service is/);
    expect(describeChanges(all, fewer)).to.include('clock is gone');
  });

  it('never show what a Secret holds, nor a checksum', () => {
    const secret = (value: string): string => manifest('Secret', `stringData:\n  token: ${value}`);
    expect(describeChanges(secret('old'), secret('new'))).to.deep.equal(['Secret a: stringData.token changes']);
    const pod = (sum: string): string =>
      manifest('Deployment', `spec: { template: { metadata: { annotations: { checksum/config: ${sum} } } } }`);
    expect(describeChanges(pod('abc'), pod('def'))).to.deep.equal(['a: what its pods read changes, pods restart']);
  });

  it('tell of another order of named things, which restarts pods, too', () => {
    const pod = (...names: string[]): string =>
      manifest(
        'Deployment',
        `spec: { template: { spec: { volumes: [${names.map((name) => `{ name: ${name} }`)}] } } }`,
      );
    expect(describeChanges(pod('x', 'y'), pod('y', 'x'))).to.deep.equal([
      'Deployment a: spec.template.spec.volumes ["x","y"] → ["y","x"], pods restart',
    ]);
  });
});

describe('make diff', () => {
  needsTools('helm');
  let copy: Copy;

  before(() => {
    copy = fixtureCopy();
    symlinkSync(resolve('node_modules'), copy.at('node_modules'));
    git('init', '--quiet');
    commit('helm', 'cluster');
  });
  after(() => copy?.remove());
  afterEach(() => {
    git('checkout', '--quiet', 'helm');
    git('clean', '--quiet', '--force', 'helm');
  });

  function git(...args: string[]): void {
    const { status, stderr } = copy.run('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args]);
    if (status !== 0) throw new Error(stderr);
  }

  function commit(...paths: string[]): void {
    git('add', ...paths);
    git('commit', '--quiet', '--message', 'Change');
  }

  function diff(given: Record<string, string> = {}) {
    const variables = Object.entries(given).map(([name, value]) => `${name}=${value}`);
    const script = ['--conditions=source', '--require', 'ts-node/register', 'scripts/make/diff.ts'];
    return copy.run('env', [...variables, process.execPath, ...script]);
  }

  const edit = (file: string, from: string, to: string): void => copy.write(file, copy.read(file).replace(from, to));

  it('says what is not committed changes in each environment but local', () => {
    edit(PROD, 'maxReplicas: 6', 'maxReplicas: 7');
    const { stdout, stderr, status } = diff();
    expect(stdout, stderr).to.equal(
      'prod:\n  clock, front, store: autoscaling maximum 6 → 7\nno difference for staging\n',
    );
    expect(status).to.equal(0);
  });

  it('compares with another revision, files that git does not know yet included', () => {
    git('tag', 'before');
    edit(PROD, 'maxReplicas: 6', 'maxReplicas: 8');
    commit('helm');
    const object = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\n';
    copy.write('helm/app/templates/extra.yaml', object);
    expect(diff({ ENV: 'prod' }).stdout).to.equal('prod:\n  extra: ConfigMap is new\n');
    const { stdout } = diff({ ENV: 'prod', BASE: 'before' });
    expect(stdout).to.contain('maximum 6 → 8').and.contain('ConfigMap is new');
    git('reset', '--quiet', '--hard', 'before');
  });

  it('says that all is new where the revision has no such environment', () => {
    copy.write('helm/app/values-next.yaml', copy.read(PROD));
    expect(diff({ ENV: 'next' }).stdout).to.equal('next is not in HEAD: everything is new\n');
  });

  it('says which side does not render, in helm’s words, and tells the others', () => {
    edit(PROD, 'maxReplicas: 6', 'maxReplicas: many');
    const { stdout, stderr, status } = diff();
    expect(stderr).to.contain('The working tree does not render for prod').and.contain('maxReplicas');
    expect(stdout).to.equal('no difference for staging\n');
    expect(status).to.equal(1);
  });

  it('tells in Tilt’s row what each change and each commit does', async () => {
    const args = ['--conditions=source', '--require', 'ts-node/register', 'scripts/cluster/diff-row.ts'];
    const row = spawn(process.execPath, args, { cwd: copy.root });
    let output = '';
    for (const stream of [row.stdout, row.stderr]) stream.on('data', (data) => (output += data));
    const says = async (text: string): Promise<void> => {
      await eventually(`the row says ${text}`, () => output.includes(text));
      output = '';
    };
    try {
      edit(PROD, 'maxReplicas: 6', 'maxReplicas: 8');
      await says('maximum 6 → 8');
      edit(PROD, 'maxReplicas: 8', 'maxReplicas: many');
      await says('✗ The working tree does not render for prod');
      edit(PROD, 'maxReplicas: many', 'maxReplicas: 9');
      await says('maximum 6 → 9');
      commit('helm');
      await says('no difference for prod');
    } finally {
      row.kill('SIGTERM');
      await once(row, 'exit');
      git('reset', '--quiet', '--hard', 'before');
    }
  });

  it('refuses what is neither an environment nor a revision', () => {
    expect(diff({ ENV: 'moon' }).stderr).to.contain('There is no environment moon. There are: ');
    expect(diff({ BASE: '--output=x' }).stderr).to.contain('git knows no revision --output=x');
  });

  it('leaves nothing behind', () => {
    copy.write(VALUES, 'services: [');
    const folder = copy.at('tmp');
    copy.write('tmp/.keep', '');
    expect(diff({ TMPDIR: folder }).status).to.equal(1);
    expect(copy.run('ls', [folder]).stdout).to.not.contain('diff-');
  });
});
