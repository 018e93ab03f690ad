import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { freeSlot, takeSlot } from '../../scripts/cluster/slots.ts';
import { type Names, readNames } from '../../scripts/facts/names.ts';

/** make dev, as far as slots go. */
const TAKE = `
  require('${resolve('scripts/cluster/slots.ts')}').takeSlot()
    .then(() => console.log(JSON.stringify(require('${resolve('scripts/facts/names.ts')}').readNames())));`;

const root = process.cwd();
const { PATH, XDG_STATE_HOME } = process.env;

describe('slots', () => {
  let place: string;
  let clusters: string[];
  /** Whether Docker answers nothing at all. */
  let silent: boolean;
  beforeEach(() => {
    place = mkdtempSync(join(tmpdir(), 'slots-'));
    clusters = [];
    silent = false;
  });
  afterEach(() => rmSync(place, { recursive: true }));

  const at = (path: string): string => join(place, path);

  /** With a cluster file of its own, which is all that matters here. */
  function clone(folder: string, name?: string): string {
    cpSync(resolve(root, 'cluster'), at(`${folder}/cluster`), { recursive: true });
    if (!name) return folder;
    const file = at(`${folder}/cluster/ctlptl.yaml`);
    const text = readFileSync(file, 'utf8').replaceAll(/\bstand\b/g, name);
    writeFileSync(file, text);
    return folder;
  }

  /** In the clone, on a machine whose docker knows these clusters. */
  async function within<T>(folder: string, work: () => T | Promise<T>): Promise<T> {
    const nodes = clusters.map((name) => `${name}-control-plane`).join(' ');
    const docker = silent
      ? '#!/bin/sh\nexit 1\n'
      : `#!/bin/sh\nfor node in ${nodes}; do [ "$3" = $node ] && exit; done\necho "No such container: $3" >&2\nexit 1\n`;
    writeFileSync(at('docker'), docker, { mode: 0o755 });
    process.chdir(at(folder));
    Object.assign(process.env, { PATH: `${place}:${PATH}`, XDG_STATE_HOME: at('state') });
    try {
      return await work();
    } finally {
      process.chdir(root);
      Object.assign(process.env, { PATH, XDG_STATE_HOME });
    }
  }

  /** What a clone is called and has after make dev. */
  const take = (folder: string, slot?: string): Promise<Names> =>
    within(folder, async () => {
      await takeSlot(slot);
      return readNames();
    });

  /** The same by a process of its own. */
  const start = (folder: string): Promise<Names & { said: string }> =>
    within(folder, () => {
      const args = ['--conditions=source', '--require', resolve(root, 'node_modules/ts-node/register'), '--eval', TAKE];
      const env = { ...process.env, TS_NODE_PROJECT: resolve(root, 'tsconfig.json') };
      return new Promise((done, fail) => {
        execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
          error ? fail(error) : done({ ...JSON.parse(stdout), said: stderr }),
        );
      });
    });

  const refusal = (taking: Promise<Names>): Promise<string> =>
    taking.then(
      ({ slot }) => `took ${slot}`,
      (error: Error) => error.message,
    );

  it('gives the first clone the ports of cluster/ctlptl.yaml, each further one others, and the same again', async () => {
    const first = await take(clone('stand'));
    expect(first).to.include({ slot: 0, cluster: 'stand', context: 'kind-stand' });
    const second = await take(clone('stand-login'));
    expect(second).to.include({ slot: 1, name: 'stand', release: 'stand', cluster: 'stand-login' });
    expect(second).to.include({ context: 'kind-stand-login', node: 'stand-login-control-plane' });
    expect((await take('stand-login')).slot).to.equal(1);
    expect((await take('stand')).slot).to.equal(0);
  });

  it('calls a cluster as the folder, else as the branch, else as the slot', async () => {
    await take(clone('first'));
    const clusterOf = async (folder: string) => (await take(clone(folder))).cluster;
    expect(await clusterOf('a/Über_großes Feature')).to.equal('stand-ber-gro-es-feature');
    expect(await clusterOf('b/stand')).to.equal('stand-2');
    mkdirSync(at('c/stand/.git'), { recursive: true });
    await new Promise((done) => execFile('git', ['init', '--initial-branch=wip/Login', at('c/stand')], done));
    expect(await clusterOf('c/stand')).to.equal('stand-wip-login');
    expect(await clusterOf('d/standing')).to.equal('stand-standing');
    expect(await clusterOf('e/standing')).to.equal('stand-5');
    const { node } = await take(clone(`f/${'long'.repeat(20)}`));
    expect(node.length).to.be.below(64);
  });

  it('gives ten that ask at once ten slots, and names who has them to the next', async () => {
    const folders = Array.from({ length: 10 }, (_, index) => clone(`clone-${index}`));
    const taken = await Promise.all(folders.map(start));
    expect(taken.map(({ slot }) => slot).sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(new Set(taken.map(({ cluster }) => cluster)).size).to.equal(10);
    const said = await refusal(take(clone('eleventh')));
    expect(said).to.contain('There is no slot for this clone:');
    for (const folder of folders) expect(said).to.contain(`is that of ${at(folder)}, where make clean frees it`);
  });

  it('lets SLOT choose what nobody has', async () => {
    await take(clone('first'));
    expect((await take(clone('second'), '2')).slot).to.equal(2);
    expect((await take('second')).slot).to.equal(2);
    expect((await take('second', '5')).slot).to.equal(5);
    expect(await refusal(take('second', '0'))).to.contain(`Slot 0 is that of ${at('first')}`);
    for (const wrong of ['10', '-1', 'x', '1.5', '1 2', '01'])
      expect(await refusal(take('second', wrong))).to.contain(`SLOT is a number from 0 to 9, not ${wrong}`);
    clusters = ['stand-second'];
    expect(await refusal(take('second', '3'))).to.contain('This clone has slot 5, and its cluster the ports');
    expect((await take('second')).slot).to.equal(5);
  });

  it('gives back what make clean frees, and what is of a clone that is gone with its cluster', async () => {
    for (const folder of ['first', 'second']) await take(clone(folder));
    await within('first', freeSlot);
    expect((await take(clone('third'))).slot).to.equal(0);
    expect((await take('second')).slot).to.equal(1);
    rmSync(at('third'), { recursive: true });
    clusters = ['stand'];
    expect((await take(clone('fourth'))).slot).to.equal(2);
    expect(await refusal(take(clone('fifth'), '0'))).to.contain('which is gone: kind delete cluster --name stand');
    clusters = [];
    expect((await take('fifth')).slot).to.equal(0);
  });

  it('knows a clone again that was moved, and takes a copied one for another', async () => {
    await take(clone('first'));
    await take(clone('second'));
    renameSync(at('second'), at('moved'));
    expect(await take('moved')).to.include({ slot: 1, cluster: 'stand-second' });
    cpSync(at('moved'), at('copied'), { recursive: true });
    expect(await take('copied')).to.include({ slot: 2, cluster: 'stand-copied' });
    expect((await take('moved')).slot).to.equal(1);
  });

  it('has all clones of a stand share its registry, and gives that of another stand a port of its own', async () => {
    expect((await take(clone('first'))).registry).to.deep.include({ name: 'stand-registry', port: 5005 });
    expect((await take(clone('second'))).registry.port).to.equal(5005);
    const others = [await take(clone('acme', 'acme')), await take(clone('acme-too', 'acme'))];
    for (const { registry } of others)
      expect(registry).to.deep.equal({ name: 'acme-registry', port: 5105, address: 'localhost:5105' });
    expect(others.map(({ cluster }) => cluster)).to.deep.equal(['acme-2', 'acme-too']);
  });

  it('believes a clone where the list was lost, and takes no silence of Docker for an answer', async () => {
    await take(clone('first'));
    await take(clone('second'));
    rmSync(at('state'), { recursive: true });
    expect(await take('second')).to.include({ slot: 1, cluster: 'stand-second' });
    expect((await take('first')).slot).to.equal(0);
    rmSync(at('first'), { recursive: true });
    silent = true;
    expect((await take(clone('third'))).slot).to.equal(2);
    expect(await refusal(take('second', '3'))).to.contain('This clone has slot 1');
  });

  it('says so when the list is none, and waits for no lock that nobody has', async () => {
    await take(clone('first'));
    for (const text of ['{}', '', '[{']) {
      writeFileSync(at('state/stands/slots.json'), text);
      expect(await refusal(take('first'))).to.contain('slots.json is no list of slots: delete it');
    }
    rmSync(at('state/stands/slots.json'));
    writeFileSync(at('state/stands/slots.lock'), '');
    expect((await take('first')).slot).to.equal(0);
  });

  it('goes on as a clone that is alone where nothing can be noted', async () => {
    clone('first');
    writeFileSync(at('state'), '');
    const { slot, said } = await start('first');
    expect(slot).to.equal(0);
    expect(said).to.contain('! Slots are not remembered: ');
    expect(existsSync(at('first/.stand/slot.json'))).to.equal(false);
  });
});
