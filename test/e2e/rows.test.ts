import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { ask, capture } from '../../scripts/machine/command.ts';
import { launchBrowser } from '../setup/browser.ts';
import { whileEdited } from '../setup/files.ts';
import { eventually } from '../setup/wait.ts';
import { inFixture, items, Tilt, tiltCi } from './setup.ts';

const PAGE = 'http://localhost:10350';
const TEST = 'services/store/test/store.test.ts';

const PRESSED_MS = 10_000;

/** Until Tilt has taken it: of a button that has changed since the page heard of it, Tilt refuses a click. */
async function press(page: Page, name: string): Promise<void> {
  await eventually(`${name} is pressed`, async () => {
    await page.getByRole('button', { name, exact: true }).first().click();
    const isTaken = page.getByText(`Triggered button: ${name}`).first().waitFor({ timeout: PRESSED_MS });
    return isTaken.then(() => true).catch(() => false);
  });
}

describe('Tilt’s rows and buttons', function () {
  this.bail(true);
  let tilt: Tilt | undefined;
  let browser: Browser | undefined;

  inFixture();
  before(async () => {
    // The row diff compares with a commit.
    const git = 'git -c user.name=test -c user.email=test@example.com';
    await capture('sh', ['-c', `git init --quiet && git add --all && ${git} commit --quiet --message fixture`]);
    await tiltCi();
    tilt = new Tilt('--tests');
    await items();
    const areGreen = ['wait', '--for=condition=Ready', 'uiresource/release', 'uiresource/store', '--timeout=5s'];
    await eventually('all is deployed', async () => (await ask('tilt', ...areGreen)).ok);
  });
  afterEach(function () {
    if (this.currentTest?.isFailed()) console.log(tilt?.output.split('\n').slice(-60).join('\n'));
  });
  after(async () => {
    await browser?.close();
    await tilt?.stop();
    await capture('make', ['down']);
  });

  /** What Tilt has told since, in a row. */
  const told = async (row: string, from: number): Promise<string> =>
    (tilt?.output ?? '')
      .slice(from)
      .split('\n')
      .filter((line) => line.includes(`${row} │`))
      .join('\n');

  it('have a label each', async () => {
    const rows = await capture('tilt', [
      'get',
      'uiresources',
      '--output',
      'jsonpath={range .items[*]}{.metadata.name}={.metadata.labels}\n{end}',
    ]);
    for (const row of rows.split('\n').filter((line) => !line.startsWith('(Tiltfile)')))
      expect(row).to.match(/=\{.+\}$/);
  });

  it('run a service’s tests when a save of it is served, and name the line that fails', async () => {
    expect(existsSync(TEST)).to.equal(true);
    let start = tilt?.output.length ?? 0;
    appendFileSync('services/store/src/app.ts', '// saved\n');
    await eventually('its tests have passed', async () => / passing/.test(await told('store tests', start)));
    start = tilt?.output.length ?? 0;
    const line = readFileSync(TEST, 'utf8').split('\n').length;
    await whileEdited(
      TEST,
      (text) => `${text}it('fails', () => {\n  throw new Error('as it should');\n});\n`,
      async () => {
        await eventually('they have failed', async () =>
          (await told('store tests', start)).includes(`store.test.ts:${line + 1}`),
        );
      },
    );
    start = tilt?.output.length ?? 0;
    await eventually('they have passed again', async () => / passing/.test(await told('store tests', start)));
  });

  it('tell in words what a change of values does to production', async () => {
    const start = tilt?.output.length ?? 0;
    await whileEdited(
      'helm/app/values-prod.yaml',
      (text) => text.replace('memory: 384Mi', 'memory: 512Mi'),
      async () => {
        await eventually('the row diff tells', async () =>
          (await told('diff', start)).includes('memory limit 384Mi → 512Mi'),
        );
      },
    );
  });

  it('do by a click what make does', async () => {
    browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(PAGE);
    for (const text of ['Open', 'Traffic', 'Lint chart', 'Seed', 'Save', 'Load', 'Reset'])
      await page.getByRole('button', { name: text, exact: true }).first().waitFor();
    const start = tilt?.output.length ?? 0;
    await press(page, 'Seed');
    await eventually('the database is seeded', async () =>
      (await told('postgresql', start)).includes('✓ Migrated and seeded: store'),
    );
    await press(page, 'Lint chart');
    await eventually('the chart is linted', async () =>
      /✓/.test((tilt?.output ?? '').slice(start).split('Migrated and seeded').pop() ?? ''),
    );
  });
});
