import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../../../test/setup/browser.ts';
import { send } from '../../../test/setup/http.ts';
import { needsBrowser } from '../../../test/setup/needs.ts';
import type { Service } from '../../../test/setup/service.ts';
import { startFixture } from './process.ts';

describe('the page of an API', () => {
  let service: Service;
  let url: string;

  async function start(env: Record<string, string>): Promise<void> {
    service = startFixture('api-server.ts', { PORT: '0', ...env });
    url = await service.url();
  }

  /** What of it the process has loaded. */
  const loaded = async (): Promise<string[]> =>
    (await send(`${url}/loaded`)).body.filter((file: string) => /swagger-ui|\/src\/docs\.ts$/.test(file));

  describe('where it is off', () => {
    before(() => start({}));
    after(() => service.process.kill('SIGKILL'));

    it('is not there', async () => {
      for (const path of ['/docs', '/docs/page.js'])
        expect(await send(url + path)).to.deep.include({
          status: 404,
          type: 'application/problem+json; charset=utf-8',
        });
      expect((await send(`${url}/openapi.json`)).status).to.equal(200);
    });
  });

  describe('where it is on', () => {
    before(() => start({ API_DOCS: '1' }));
    after(() => service.process.kill('SIGKILL'));

    it('is loaded once somebody asks for it, and runs nothing of swagger-ui here', async () => {
      expect(await loaded()).to.deep.equal([]);
      expect((await send(`${url}/docs`)).status).to.equal(200);
      expect((await loaded()).map((file) => file.replace(/.*\//, ''))).to.deep.equal(['docs.ts']);
    });

    it('refers only to files from here, which are there', async () => {
      const { text, headers } = await send(`${url}/docs`);
      const files = [...text.matchAll(/(?:href|src)="(.*?)"/g)].map(([, file = '']) => file);
      expect(files).to.have.length(4);
      for (const file of files) expect((await send(url + file)).status, file).to.equal(200);
      const policy = headers.get('content-security-policy');
      expect(policy)
        .to.match(/^default-src 'self';/)
        .and.not.contain('unsafe');
    });

    it('has no other file of that folder or of another', async () => {
      for (const file of ['index.html', 'package.json', 'swagger-ui.css.map', '..%2fexpress%2fpackage.json'])
        expect((await send(`${url}/docs/${file}`)).status, file).to.equal(404);
    });

    describe('in a browser', () => {
      needsBrowser();
      let browser: Browser;
      before(async () => {
        browser = await launchBrowser();
      });
      after(() => browser?.close());

      it('sends a request and shows the answer, and asks for nothing that its content policy forbids', async () => {
        const page = await browser.newPage();
        const errors: string[] = [];
        const requests = new Set<string>();
        page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
        page.on('request', (request) => requests.add(new URL(request.url()).origin));
        await page.goto(`${url}/docs`);
        const operation = page.locator('.opblock', { hasText: '/greetings' });
        await operation.click();
        await operation.getByRole('button', { name: 'Try it out' }).click();
        await operation.locator('textarea').fill('{ "name": "Ada" }');
        await operation.getByRole('button', { name: 'Execute' }).click();
        const answer = operation.locator('.live-responses-table tbody');
        await answer.waitFor();
        expect(await answer.innerText())
          .to.contain('201')
          .and.contain('Hello, Ada');
        expect(await page.title()).to.equal('greetings: API');
        expect(errors).to.deep.equal([]);
        expect([...requests]).to.deep.equal([url]);
      });
    });
  });
});
