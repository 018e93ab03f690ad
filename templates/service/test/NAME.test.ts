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

  it('says its name', async () => {
    expect(await send(`${app.url}/`)).to.deep.include({ status: 200, body: { hello: 'NAME' } });
  });

  it('describes that', async () => {
    const { info, paths } = (await send(`${app.url}/openapi.json`)).body;
    expect(info.title).to.equal('NAME');
    expect(paths['/'].get.responses).to.include.keys('200');
  });

  it('answers 404 to what it does not know', async () => {
    expect((await send(`${app.url}/nothing`)).body).to.include({ status: 404, detail: 'There is no GET /nothing' });
  });

  it('is ready', async () => {
    expect((await send(`${app.url}/readyz`)).status).to.equal(200);
  });
});
