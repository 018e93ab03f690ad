import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { type App, startApp } from '../../../test/setup/app.ts';
import { send } from '../../../test/setup/http.ts';
import { createApp } from '../src/app.ts';

describe('NAME', () => {
  let app: App;
  before(async () => {
    app = await startApp(createApp);
  });
  after(() => app.close());

  it('greets', async () => {
    expect(await send(`${app.url}/api/greeting`)).to.deep.include({
      status: 200,
      body: { greeting: 'Hello, world' },
    });
  });

  it('serves its page', async () => {
    const page = await send(`${app.url}/`);
    expect(page).to.include({ status: 200, text: readFileSync('services/NAME/public/index.html', 'utf8') });
    expect(page.headers.get('content-type')).to.contain('text/html');
    // The content policy of the chassis lets only files from here be used.
    expect(page.text).to.not.match(/<script(?![^>]*src)|<style|style=|\son\w+=|(src|href)="(https?:|data:|\/\/)/);
  });

  it('answers 404 to what it does not know', async () => {
    expect((await send(`${app.url}/nothing`)).body).to.include({ status: 404, detail: 'There is no GET /nothing' });
  });
});
