import { appendFileSync } from 'node:fs';
import { expect } from 'chai';
import { kubectl } from '../../scripts/cluster/commands.ts';
import { readNames } from '../../scripts/facts/names.ts';
import { capture } from '../../scripts/machine/command.ts';
import { send } from '../../scripts/measure/load.ts';
import { eventually } from '../setup/wait.ts';
import { inFixture, items, packageOnce, podUid, STORE, Tilt, tiltCi, VERSION } from './setup.ts';

const { namespace } = readNames();

describe('some services edited beside the rest as released', function () {
  this.bail(true);
  let tilt: Tilt | undefined;

  inFixture();
  before(async () => {
    await packageOnce();
    await tiltCi();
    await items();
    await send(STORE, { name: 'made before' });
    tilt = new Tilt('--edit=front', `--version=${VERSION}`);
  });
  afterEach(function () {
    if (this.currentTest?.isFailed()) console.log(tilt?.output.split('\n').slice(-60).join('\n'));
  });
  after(async () => {
    await tilt?.stop();
    await capture('make', ['down']);
  });

  const imageOfStore = (): Promise<string> =>
    kubectl(namespace, ['get', 'deployment', 'store', '--output', 'jsonpath={..containers[0].image}']);
  const wait = (): Promise<string> => capture('sh', ['-c', 'make wait TIMEOUT=120 2>&1']);
  /** Until then the pods of before answer. */
  const says = (...lines: string[]) =>
    eventually(`make wait says ${lines}`, async () => {
      const said = await wait();
      return lines.every((line) => said.split('\n').includes(`✓ Ready, ${line}`));
    });

  it('runs the rest from its digest, on the same data, and builds no image of it', async () => {
    await eventually('store is as released', async () => (await imageOfStore()).includes('@sha256:'));
    await says('by the sources as they are: front', 'as they were released: store');
    expect(await items()).to.include('made before');
    const images = await capture('tilt', ['get', 'dockerimages', '--output', 'jsonpath={.items[*].spec.ref}']);
    expect(images).to.contain('front').and.not.contain('store');
  });

  it('serves a save of what is edited', async () => {
    const pods = await Promise.all(['front', 'store'].map(podUid));
    appendFileSync('services/front/src/app.ts', '// saved\n');
    await says('by the sources as they are: front');
    expect(await Promise.all(['front', 'store'].map(podUid))).to.deep.equal(pods);
  });

  it('runs all from their sources again without EDIT', async () => {
    await capture('tilt', ['args', '--clear']);
    await eventually('store is built', async () => !(await imageOfStore()).includes('@sha256:'));
    await says('by the sources as they are: front, store');
    expect(await items()).to.include('made before');
  });
});
