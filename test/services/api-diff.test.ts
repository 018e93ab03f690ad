import { symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { type Copy, VALUES } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';
import { needsTools } from '../setup/needs.ts';
import { commit, restore } from './repository.ts';

const STORE = 'services/store/src/app.ts';
const STORE_APP = `import { api, route } from '@stand/chassis/api';
import express from 'express';
import * as v from 'valibot';

const Item = v.strictObject({ id: v.number(), name: v.string() });
const query = v.strictObject({ limit: v.optional(v.pipe(v.number(), v.maxValue(100))) });
const params = v.object({ id: v.string() });
const body = v.strictObject({ name: v.string(), size: v.picklist(['s', 'm', 'l']) });
const routes = [
  route('GET /items', { summary: 'List', query, answers: { 200: v.strictObject({ items: v.array(Item) }) } }, () => ({ items: [] })),
  route('POST /items', { summary: 'Create', body, answers: { 201: Item } }, () => ({ id: 1, name: '' })),
  route('DELETE /items/:id', { summary: 'Delete', params, answers: { 204: 'It is gone' } }, () => {}),
];
export const createApp = () => express().use(api({ title: 'store', version: '1.4.0' }, routes));
`;
/** Has an operation of the service behind. */
const FRONT_APP = `import { api } from '@stand/chassis/api';
import { chassis } from '@stand/chassis/middleware';
import { problemHandler } from '@stand/chassis/problem';
import express from 'express';

const operation = 'GET /items';
const info = { title: 'front', version: '0.3.1' };
export const createApp = ({ store, logger, health }) =>
  express()
    .use(chassis({ logger, health }))
    .use(api(info, [{ operation, origin: { service: store, operation }, handle() {} }]))
    .use(problemHandler);
`;
/** In another language. */
const CLOCK = 'services/clock/openapi.json';
const CLOCK_DOCUMENT = JSON.stringify({
  openapi: '3.0.3',
  info: { title: 'clock', version: '1.0.0' },
  paths: { '/': { get: { responses: { 200: { description: 'The time' } } } } },
});

describe('make api-diff', function () {
  needsTools('oasdiff');
  this.timeout(120_000);
  let copy: Copy;

  before(() => {
    copy = fixtureCopy();
    copy.remove(CLOCK);
    symlinkSync(resolve('node_modules'), copy.at('node_modules'));
    copy.write(STORE, STORE_APP);
    copy.write('services/front/src/app.ts', FRONT_APP);
    const { status, stderr } = run('docs');
    expect(status, stderr).to.equal(0);
    commit(copy);
    copy.run('git', ['tag', 'first']);
    copy.write(CLOCK, CLOCK_DOCUMENT);
    commit(copy);
    copy.run('git', ['tag', 'second']);
  });
  after(() => copy?.remove());
  afterEach(() => restore(copy, 'second'));

  function run(target: string, variables: Record<string, string> = {}) {
    const given = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const script = ['--conditions=source', '--require', 'ts-node/register', `scripts/make/${target}.ts`];
    return copy.run('env', [...given, process.execPath, ...script]);
  }

  const edit = (file: string, from: string, to: string): void => {
    expect(copy.read(file)).to.contain(from);
    copy.write(file, copy.read(file).replace(from, to));
  };

  const narrowSizes = (): void => edit(STORE, "['s', 'm', 'l']", "['s', 'm']");

  it('says in one line that nothing changes', () => {
    const { stdout, stderr, status } = run('api-diff');
    expect(stdout, stderr).to.equal('no API differs from HEAD\n');
    expect(status).to.equal(0);
  });

  it('says what breaks and whom, also where a service has it from one behind, and fails', () => {
    edit(STORE, 'id: v.number(), name: v.string()', 'id: v.number()');
    edit(STORE, "id: 1, name: ''", 'id: 1');
    edit(STORE, 'v.maxValue(100)', 'v.maxValue(50)');
    edit(STORE, 'name: v.string(), size', 'name: v.string(), shelf: v.number(), size');
    narrowSizes();
    edit(STORE, copy.read(STORE).match(/ +route\('DELETE.*\n/)?.[0] ?? '', '');
    const { stdout, stderr, status } = run('api-diff');
    const [ofFront = '', ofStore = ''] = stdout.split(/^(?=store)/m);
    expect(ofStore.split('\n'), stderr).to.have.members([
      'store breaks front, and info.version is still 1.4.0:',
      '  DELETE /items/{id}: API path removed without deprecation',
      '  GET /items: for the `query` request parameter `limit`, the max was decreased from `100.00` to `50.00`',
      '  GET /items: removed the required property `items/items/name` from the response with the `200` status',
      '  POST /items: added the new required request property `shelf`',
      '  POST /items: removed the enum value `l` of the request property `size`',
      '  POST /items: removed the required property `name` from the response with the `201` status',
      '',
    ]);
    expect(ofFront.split('\n')).to.have.members([
      'front breaks whoever calls it, and info.version is still 0.3.1:',
      '  GET /items: for the `query` request parameter `limit`, the max was decreased from `100.00` to `50.00`',
      '  GET /items: removed the required property `items/items/name` from the response with the `200` status',
      '',
    ]);
    expect(stderr).to.match(
      /^✗ Something breaks and is not announced: front, store\n {2}Keep .* raise the major version/m,
    );
    expect(status).to.equal(1);
  });

  it('says which service has lost what it hands on', () => {
    edit(STORE, "'GET /items'", "'GET /things'");
    const { stderr, status } = run('api-diff');
    expect(stderr).to.equal('✗ front does not describe its API: store has no GET /items\n');
    expect(status).to.equal(1);
  });

  it('is content with a break that a new major version announces, or below 1.0 a new minor one', () => {
    edit(STORE, 'v.maxValue(100)', 'v.maxValue(50)');
    edit(STORE, '1.4.0', '2.0.0');
    const half = run('api-diff');
    expect(half.stdout).to.match(/^store breaks front, and info.version moved from 1\.4\.0 to 2\.0\.0, which allows /m);
    expect(half.stderr).to.contain('not announced: front\n');
    edit('services/front/src/app.ts', '0.3.1', '0.4.0');
    const { stderr, status } = run('api-diff');
    expect(status, stderr).to.equal(0);
  });

  it('is content with what is only new, and tells it', () => {
    edit(STORE, 'name: v.string(), size', 'name: v.string(), note: v.optional(v.string()), size');
    const { stdout, stderr, status } = run('api-diff');
    expect(stdout, stderr).to.equal(
      'store changes without a break:\n  POST /items: added the new optional request property `note`\n',
    );
    expect(status).to.equal(0);
  });

  it('wants announced what breaks perhaps: a field that a strict service refuses from now on', () => {
    edit(STORE, "name: v.string(), size: v.picklist(['s', 'm', 'l'])", 'name: v.string()');
    const { stdout, status } = run('api-diff');
    expect(stdout).to.contain('  POST /items: removed the request property `size` (perhaps)\n');
    expect(status).to.equal(1);
  });

  it('compares with another revision, by the callers and the public addresses that it has', () => {
    copy.changeServices(VALUES, (services) => {
      Object.assign(services.front ?? {}, { uses: [] });
      Object.assign(services.store ?? {}, { ingress: { enabled: true } });
    });
    commit(copy);
    copy.remove(CLOCK);
    narrowSizes();
    expect(run('api-diff').stdout).to.match(
      /^clock is gone, which breaks nobody\nstore breaks front, whoever comes from outside, and /,
    );
    const { stdout, stderr } = run('api-diff', { BASE: 'second' });
    expect(stdout).to.match(
      /^clock is gone, which breaks front:\n {2}GET \/: API path removed .*\nstore breaks front, and/,
    );
    expect(stderr).to.contain('not announced: clock, store\n');
    copy.write(CLOCK, CLOCK_DOCUMENT);
    expect(run('api-diff', { BASE: 'first' }).stdout).to.match(/^clock is new\nstore breaks front, and /);
  });

  it('leaves out what the team has announced in a file', () => {
    narrowSizes();
    copy.write('.oasdiff.yaml', 'err-ignore: announced.txt\n');
    copy.write('announced.txt', 'POST /items removed the enum value `l` of the request property `size`, told in May\n');
    const { stdout, stderr, status } = run('api-diff');
    expect(stdout, stderr).to.equal('no API differs from HEAD\n');
    expect(status).to.equal(0);
  });

  it('says what it can’t compare', () => {
    expect(run('api-diff', { BASE: 'moon' }).stderr).to.equal(
      '✗ git knows no revision moon\n  BASE is a branch, a tag or a commit.\n',
    );
    expect(run('api-diff', { PATH: '/nowhere' }).stderr).to.equal(
      '✗ oasdiff is missing\n  Install it with: make tools\n',
    );
    copy.write(CLOCK, 'noon');
    const { stderr, status } = run('api-diff');
    expect(stderr).to.match(/^✗ services\/clock\/openapi\.json can't be compared: Error: /m);
    expect(status).to.equal(1);
  });
});
