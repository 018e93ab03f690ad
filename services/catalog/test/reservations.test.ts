import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { AppWithDatabase } from '../../../test/setup/app.ts';
import { createDatabase } from '../../../test/setup/database.ts';
import { type Answer, send } from '../../../test/setup/http.ts';
import { startCatalog } from './start.ts';

describe('reservations', () => {
  let catalog: AppWithDatabase;
  before(async () => {
    catalog = await startCatalog(await createDatabase('catalog'));
  });
  after(() => catalog.close());
  beforeEach(async () => {
    await catalog.pool.query('truncate catalog.products, catalog.reservations restart identity');
    await catalog.pool.query(
      `insert into catalog.products (sku, name, price_cents, stock) values ('mug', 'Mug', 1450, 3), ('cap', 'Cap', 990, 1)`,
    );
  });

  const reserve = (orderId: string, ...items: [productId: number, quantity: number][]): Promise<Answer> =>
    send(`${catalog.url}/reservations/${orderId}`, {
      method: 'PUT',
      body: { items: items.map(([productId, quantity]) => ({ productId, quantity })) },
    });
  const stocks = async (): Promise<number[]> => {
    const { rows } = await catalog.pool.query('select stock from catalog.products order by id');
    return rows.map(({ stock }) => stock);
  };

  it('take the stock and answer with names and prices', async () => {
    const { status, body } = await reserve(randomUUID(), [2, 1], [1, 2]);
    expect(status).to.equal(200);
    expect(body.items).to.have.deep.members([
      { productId: 1, quantity: 2, name: 'Mug', priceCents: 1450 },
      { productId: 2, quantity: 1, name: 'Cap', priceCents: 990 },
    ]);
    expect(await stocks()).to.deep.equal([1, 0]);
  });

  it('take the stock once when the same order asks again', async () => {
    const order = randomUUID();
    const first = await reserve(order, [1, 1]);
    await catalog.pool.query('update catalog.products set price_cents = 9999');
    const second = await reserve(order, [1, 1]);
    expect(second.body).to.deep.equal(first.body);
    expect(await stocks()).to.deep.equal([2, 1]);
  });

  it('take the stock once when the same order asks many times at once', async () => {
    const order = randomUUID();
    const answers = await Promise.all(Array.from({ length: 20 }, () => reserve(order, [2, 1])));
    for (const { status, body } of answers)
      expect({ status, body }).to.deep.include({ status: 200, body: answers[0]?.body });
    expect(await stocks()).to.deep.equal([3, 0]);
  });

  it('give the last item to one of many orders', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => reserve(randomUUID(), [2, 1])));
    expect(answers.filter(({ status }) => status === 200)).to.have.length(1);
    expect(answers.filter(({ body }) => body.detail === 'Cap is sold out')).to.have.length(19);
    expect(await stocks()).to.deep.equal([3, 0]);
  });

  it('all end when many orders want the same products in different order', async () => {
    await catalog.pool.query('update catalog.products set stock = 1000');
    const both: [number, number][] = [
      [1, 1],
      [2, 1],
    ];
    const orders = Array.from({ length: 40 }, (_, n) => reserve(randomUUID(), ...(n % 2 ? both : [...both].reverse())));
    expect(new Set((await Promise.all(orders)).map(({ status }) => status))).to.deep.equal(new Set([200]));
    expect(await stocks()).to.deep.equal([960, 960]);
  });

  it('take nothing when one of the items is short, and say how many are left', async () => {
    const { status, body } = await reserve(randomUUID(), [2, 1], [1, 4]);
    expect(status).to.equal(409);
    expect(body).to.include({ detail: 'Only 3 of Mug left' });
    expect(await stocks()).to.deep.equal([3, 1]);
  });

  it('count a product that is named twice twice', async () => {
    expect((await reserve(randomUUID(), [1, 2], [1, 2])).status).to.equal(409);
    expect((await reserve(randomUUID(), [1, 2], [1, 1])).status).to.equal(200);
    expect(await stocks()).to.deep.equal([0, 1]);
  });

  it('take nothing when a product is unknown', async () => {
    expect((await reserve(randomUUID(), [1, 1], [7, 1])).body).to.include({
      status: 404,
      detail: 'There is no product 7',
    });
    expect(await stocks()).to.deep.equal([3, 1]);
  });

  it('stay refused for that order when stock comes later, or the order could be rejected and reserved at once', async () => {
    const order = randomUUID();
    const first = await reserve(order, [1, 9]);
    await catalog.pool.query('update catalog.products set stock = 9');
    const second = await reserve(order, [1, 9]);
    expect([second.status, second.body.detail]).to.deep.equal([409, first.body.detail]);
    expect((await reserve(randomUUID(), [1, 9])).status).to.equal(200);
  });

  describe('that are deleted', () => {
    const release = (orderId: string): Promise<Answer> =>
      send(`${catalog.url}/reservations/${orderId}`, { method: 'DELETE' });

    it('give their stock back, once', async () => {
      const order = randomUUID();
      await reserve(order, [2, 1], [1, 1], [1, 1]);
      const answers = await Promise.all(Array.from({ length: 20 }, () => release(order)));
      expect(new Set(answers.map(({ status }) => status))).to.deep.equal(new Set([204]));
      expect(await stocks()).to.deep.equal([3, 1]);
    });

    it('take nothing when they come late', async () => {
      const order = randomUUID();
      expect((await release(order)).status).to.equal(204);
      const late = await reserve(order, [1, 1]);
      expect([late.status, late.body.detail]).to.deep.equal([409, 'The order was cancelled']);
      expect(await stocks()).to.deep.equal([3, 1]);
    });

    it('have taken nothing in the end, whichever comes first', async () => {
      const orders = Array.from({ length: 20 }, () => randomUUID());
      await Promise.all(orders.flatMap((order) => [reserve(order, [1, 1], [2, 1]), release(order)]));
      expect(await stocks()).to.deep.equal([3, 1]);
    });

    it('stay refused for the reason that they were refused for', async () => {
      const order = randomUUID();
      const { body } = await reserve(order, [1, 9]);
      await release(order);
      expect((await reserve(order, [1, 9])).body.detail).to.equal(body.detail);
      expect(await stocks()).to.deep.equal([3, 1]);
    });

    it('need an order id that is a UUID', async () => expect((await release('1')).status).to.equal(400));
  });

  for (const [what, items] of Object.entries<[number, number][]>({
    nothing: [],
    'a quantity of 0': [[1, 0]],
    'a negative quantity': [[1, -1]],
    'half an item': [[1, 0.5]],
    'more than 20 lines': Array.from({ length: 21 }, () => [1, 1]),
  }))
    it(`refuse ${what}`, async () => {
      expect((await reserve(randomUUID(), ...items)).status).to.equal(400);
      expect(await stocks()).to.deep.equal([3, 1]);
    });

  it('refuse an order id that is no UUID', async () => {
    expect((await reserve('1', [1, 1])).status).to.equal(400);
  });
});
