import { expect } from 'chai';
import type { AppWithDatabase } from '../../../test/setup/app.ts';
import { createDatabase } from '../../../test/setup/database.ts';
import { type Answer, send } from '../../../test/setup/http.ts';
import { SEARCHES, SORTED } from './letters.ts';
import { startCatalog } from './start.ts';

const mug = { sku: 'mug', name: 'Mug', description: 'Holds tea', priceCents: 1450, stock: 3 };

describe('products', () => {
  let catalog: AppWithDatabase;
  before(async () => {
    catalog = await startCatalog(await createDatabase('catalog'));
  });
  after(() => catalog.close());
  beforeEach(() => catalog.pool.query('truncate catalog.products restart identity'));

  const get = (path: string): Promise<Answer> => send(catalog.url + path);
  const create = (body: unknown): Promise<Answer> => send(`${catalog.url}/products`, { method: 'POST', body });
  const setStock = (id: unknown, body: unknown): Promise<Answer> =>
    send(`${catalog.url}/products/${id}/stock`, { method: 'PUT', body });
  const names = async (search: string): Promise<string[]> => {
    const { body } = await get(`/products?${new URLSearchParams({ search })}`);
    return body.products.map(({ name }: { name: string }) => name);
  };
  const paths = ({ body }: Answer): string[] => body.errors.map(({ path }: { path: string }) => path);

  describe('create', () => {
    it('answers with the product and its address', async () => {
      const { status, headers, body } = await create(mug);
      expect(status).to.equal(201);
      expect(body).to.deep.equal({ id: 1, ...mug });
      expect(await get(headers.get('location') as string)).to.deep.include({ status: 200, body });
    });

    it('fills in what is optional and trims what is text', async () => {
      const { body } = await create({ sku: ' cup ', name: ' Cup ', priceCents: 0 });
      expect(body).to.deep.equal({ id: 1, sku: 'cup', name: 'Cup', description: '', priceCents: 0, stock: 0 });
    });

    it('refuses a SKU that exists, also when both come at once, and keeps the first', async () => {
      const statuses = (await Promise.all([create(mug), create({ ...mug, name: 'Other' })])).map(
        ({ status }) => status,
      );
      expect(statuses.sort()).to.deep.equal([201, 409]);
      expect((await create(mug)).body).to.include({
        status: 409,
        detail: 'There is a product with the SKU mug already',
      });
      expect(await names('')).to.have.length(1);
    });

    it('names every fault by its path when types are wrong', async () => {
      const answer = await create({ sku: '', name: 7, description: null, priceCents: 1.5, stock: -1, colour: 'red' });
      expect(answer).to.include({ status: 400, type: 'application/problem+json; charset=utf-8' });
      expect(paths(answer)).to.have.members(['sku', 'name', 'description', 'priceCents', 'stock', 'colour']);
    });

    for (const [what, priceCents] of Object.entries({ text: '1450', huge: 1e12, null: null, boolean: true })) {
      it(`refuses a price that is ${what}`, async () => {
        const answer = await create({ ...mug, priceCents });
        expect([answer.status, paths(answer)]).to.deep.equal([400, ['priceCents']]);
      });
    }

    for (const [what, body] of Object.entries({ 'an array': [mug], nothing: undefined, 'an empty object': {} })) {
      it(`refuses a body that is ${what}`, async () => expect((await create(body)).status).to.equal(400));
    }

    it('refuses NUL, which PostgreSQL cannot store', async () => {
      const answer = await create({ ...mug, name: 'a\0b' });
      expect([answer.status, paths(answer)]).to.deep.equal([400, ['name']]);
    });

    it('stores SQL and any script as the text that it is', async () => {
      const name = `'; drop table catalog.products; -- "ünï" 茶 🦆`;
      expect((await create({ ...mug, name })).body.name).to.equal(name);
      expect(await names('茶 🦆')).to.deep.equal([name]);
    });
  });

  describe('list and search', () => {
    beforeEach(async () => {
      for (const [index, name] of ['100% wool', '100 caps', 'a_b', 'aXb', 'back\\slash', "O'Brien"].entries())
        await create({ ...mug, sku: `sku-${index}`, name, description: index === 1 ? 'Warm WOOL inside' : '' });
    });

    it('lists all by name without a search', async () => {
      expect(await names('')).to.deep.equal(['100 caps', '100% wool', 'a_b', 'aXb', 'back\\slash', "O'Brien"]);
    });

    it('finds in names and descriptions, whatever the case', async () => {
      expect(await names('wool')).to.have.members(['100% wool', '100 caps']);
    });

    for (const [search, found] of [
      ['%', ['100% wool']],
      ['_', ['a_b']],
      ['\\', ['back\\slash']],
      ["'", ["O'Brien"]],
      ['a_b', ['a_b']],
      ['"', []],
      ["'; drop table catalog.products; --", []],
    ] as const) {
      it(`takes ${search} literally`, async () => expect(await names(search)).to.deep.equal(found));
    }

    for (const [what, query] of Object.entries({
      'holds NUL': 'search=%00',
      'is too long': `search=${'x'.repeat(101)}`,
      'comes twice': 'search=a&search=b',
    })) {
      it(`answers 400 when the search ${what}`, async () => {
        const answer = await get(`/products?${query}`);
        expect([answer.status, paths(answer)[0]]).to.deep.equal([400, 'search']);
      });
    }

    it('answers with no more than the limit', async () => {
      expect((await get('/products?limit=2')).body.products).to.have.length(2);
    });

    for (const limit of ['0', '101', '-1', '1.5', 'x', ''])
      it(`answers 400 to the limit “${limit}”`, async () => {
        expect((await get(`/products?limit=${limit}`)).status).to.equal(400);
      });

    it('answers with a hundred at most', async () => {
      await catalog.pool.query(
        `insert into catalog.products (sku, name, price_cents, stock) select n, n, 1, 1 from generate_series(1, 150) n`,
      );
      expect(await names('')).to.have.length(100);
    });
  });

  describe('with letters beyond ASCII', () => {
    beforeEach(async () => {
      for (const [index, name] of SORTED.entries()) await create({ ...mug, sku: `sku-${index}`, name });
    });

    it('lists as people sort', async () => expect(await names('')).to.deep.equal(SORTED));

    for (const [search, found] of SEARCHES)
      it(`finds ${found} by ${search}`, async () => expect(await names(search)).to.deep.equal([found]));
  });

  describe('get', () => {
    it('answers 404 when there is no such product', async () => {
      expect((await get('/products/7')).body).to.include({ status: 404, detail: 'There is no product 7' });
    });

    for (const id of ['x', '-1', '1.5', '2147483648', '99999999999', '%00', '1%20or%201=1'])
      it(`answers 400 to the id ${id}`, async () => expect((await get(`/products/${id}`)).status).to.equal(400));
  });

  describe('stock', () => {
    it('is set and answered', async () => {
      await create(mug);
      expect(await setStock(1, { stock: 0 })).to.deep.include({ status: 200, body: { id: 1, ...mug, stock: 0 } });
      expect((await get('/products/1')).body.stock).to.equal(0);
    });

    it('answers 404 when there is no such product', async () => {
      expect((await setStock(7, { stock: 1 })).status).to.equal(404);
    });

    for (const stock of [-1, 1.5, '3', null, undefined, 1e9])
      it(`refuses ${JSON.stringify(stock)}`, async () => {
        await create(mug);
        expect((await setStock(1, { stock })).status).to.equal(400);
        expect((await get('/products/1')).body.stock).to.equal(mug.stock);
      });
  });
});
