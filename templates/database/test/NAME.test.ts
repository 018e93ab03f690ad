import { expect } from 'chai';
import { type AppWithDatabase, startAppWithDatabase } from '../../../test/setup/app.ts';
import { createDatabase } from '../../../test/setup/database.ts';
import { type Answer, send } from '../../../test/setup/http.ts';
import { createApp } from '../src/app.ts';

describe('NAME', () => {
  let app: AppWithDatabase;
  before(async () => {
    app = await startAppWithDatabase(await createDatabase('NAME'), createApp);
  });
  after(() => app.close());
  beforeEach(() => app.pool.query('truncate "NAME".items restart identity'));

  const list = (): Promise<Answer> => send(`${app.url}/`);
  const create = (body: unknown): Promise<Answer> => send(`${app.url}/`, { method: 'POST', body });

  it('creates and lists items', async () => {
    expect(await create({ name: ' first ' })).to.deep.include({ status: 201, body: { id: 1, name: 'first' } });
    expect(await list()).to.deep.include({ status: 200, body: { items: [{ id: 1, name: 'first' }] } });
  });

  it('refuses a name that exists', async () => {
    await create({ name: 'first' });
    expect((await create({ name: 'first' })).body).to.include({
      status: 409,
      detail: 'There is an item first already',
    });
  });

  for (const name of ['', 7, undefined, 'a\0b', 'x'.repeat(101)])
    it(`refuses ${JSON.stringify(name)?.slice(0, 9)} for a name`, async () => {
      expect((await create({ name })).status).to.equal(400);
      expect((await list()).body.items).to.deep.equal([]);
    });

  it('describes what it takes and answers', async () => {
    const { get, post } = (await send(`${app.url}/openapi.json`)).body.paths['/'];
    expect(get.responses).to.include.keys('200');
    expect(post).to.have.property('requestBody');
    expect(post.responses).to.include.keys('201', '409');
  });

  it('is ready', async () => {
    expect((await send(`${app.url}/readyz`)).status).to.equal(200);
  });
});
