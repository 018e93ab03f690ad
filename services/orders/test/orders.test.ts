import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { transaction } from '@stand/chassis/database';
import { expect } from 'chai';
import type { AppWithDatabase } from '../../../test/setup/app.ts';
import { createDatabase } from '../../../test/setup/database.ts';
import { type Answer, listen, type Sent, send, until } from '../../../test/setup/http.ts';
import { createWire, type Wire } from '../../../test/setup/wire.ts';
import { startCatalog } from '../../catalog/test/start.ts';
import { startOrders } from './start.ts';

const MUG = { productId: 1, quantity: 2 };
const CAP = { productId: 2, quantity: 1 };

/** With the real catalog behind a proxy, which takes it away and brings it back. */
describe('orders', () => {
  let catalog: AppWithDatabase;
  let orders: AppWithDatabase;
  let wire: Wire;

  before(async () => {
    const database = await createDatabase('catalog', 'orders');
    catalog = await startCatalog(database);
    wire = await createWire(catalog.port);
    orders = await startOrders(database, `http://127.0.0.1:${wire.port}`);
  });
  after(async () => {
    await orders.close();
    await wire.cut();
    await catalog.close();
  });
  beforeEach(() =>
    catalog.pool.query(
      `truncate orders.orders, catalog.products, catalog.reservations restart identity;
       insert into catalog.products (sku, name, price_cents, stock) values ('mug', 'Mug', 1450, 9), ('cap', 'Cap', 333, 1)`,
    ),
  );
  afterEach(() => wire.mend());

  const post = (body: unknown, headers: Sent['headers'] = {}): Promise<Answer> =>
    send(`${orders.url}/orders`, { method: 'POST', body, headers });
  const place = (items: unknown, key = randomUUID() as string): Promise<Answer> =>
    post({ items }, { 'idempotency-key': key });
  const list = async (query = ''): Promise<Answer['body']> => (await send(`${orders.url}/orders${query}`)).body.orders;
  const stockOf = async (id: number): Promise<number> => (await send(`${catalog.url}/products/${id}`)).body.stock;
  const setStock = (id: number, stock: number): Promise<Answer> =>
    send(`${catalog.url}/products/${id}/stock`, { method: 'PUT', body: { stock } });

  /** Keeps every order as it is until `work` is done; `waiting` counts the updates that queue up meanwhile. */
  async function holdOrders<T>(work: (waiting: () => Promise<number>) => Promise<T>): Promise<T> {
    const { pool } = catalog;
    const waiting = async (): Promise<number> => {
      const { rows } = await pool.query(
        `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      return rows[0].count;
    };
    return transaction(pool, async (client) => {
      await client.query('select from orders.orders for update');
      return work(waiting);
    });
  }

  describe('placing', () => {
    it('confirms with names, prices and the total in cents, and takes the stock', async () => {
      const { status, headers, body } = await place([MUG, CAP]);
      expect(status).to.equal(201);
      expect(body).to.include({ status: 'confirmed', totalCents: 2 * 1450 + 333 });
      expect(body.items).to.deep.include({ ...MUG, name: 'Mug', priceCents: 1450 });
      expect(await stockOf(1)).to.equal(7);
      expect((await send(orders.url + headers.get('location'))).body).to.deep.equal(body);
    });

    it('adds up more cents than fit into 32 bits', async () => {
      await catalog.pool.query('update catalog.products set price_cents = 100000000, stock = 99 where id = 1');
      expect((await place([{ productId: 1, quantity: 99 }])).body.totalCents).to.equal(9_900_000_000);
    });

    it('keeps the price of the moment when the product gets dearer', async () => {
      const { body } = await place([MUG]);
      await catalog.pool.query('update catalog.products set price_cents = 9999');
      expect((await send(`${orders.url}/orders/${body.id}`)).body.totalCents).to.equal(2900);
    });

    it('gives the last item to exactly one of two orders', async () => {
      const answers = await Promise.all([place([CAP]), place([CAP])]);
      expect(answers.map(({ status }) => status).sort()).to.deep.equal([201, 409]);
      expect(answers.find(({ status }) => status === 409)?.body.detail).to.equal('Cap is sold out');
      expect(await list()).to.have.length(1);
    });

    it('answers 409 and takes nothing when a product is unknown', async () => {
      const { body } = await place([MUG, { productId: 7, quantity: 1 }]);
      expect(body).to.include({ status: 409, detail: 'There is no product 7' });
      expect(await stockOf(1)).to.equal(9);
    });

    it('names every fault by its path', async () => {
      const { status, body } = await place([{ productId: 'x', quantity: 0 }, { productId: 1 }]);
      expect(status).to.equal(400);
      const paths = body.errors.map(({ path }: { path: string }) => path);
      expect(paths).to.have.members(['items.0.productId', 'items.0.quantity', 'items.1.quantity']);
    });

    it('counts the lines before it looks at them', async () => {
      const { status, body } = await place(Array(33_000).fill({}));
      expect([status, body.errors.length, body.errors[0].path]).to.deep.equal([400, 1, 'items']);
    });

    for (const [what, items] of Object.entries({ 'no items': [], 'no list': 'mug', '21 lines': Array(21).fill(MUG) }))
      it(`refuses ${what}`, async () => expect((await place(items)).status).to.equal(400));

    for (const [what, key] of Object.entries({ empty: '', 'with spaces': 'a b', 'too long': 'x'.repeat(256) }))
      it(`refuses an Idempotency-Key that is ${what}`, async () => {
        expect((await place([MUG], key)).status).to.equal(400);
        expect(await stockOf(1)).to.equal(9);
      });
  });

  describe('the same Idempotency-Key', () => {
    it('orders once and gives the same answer, one after the other', async () => {
      const first = await place([MUG], 'again');
      const second = await place([MUG], 'again');
      expect(second.body).to.deep.equal(first.body);
      expect([second.status, await stockOf(1)]).to.deep.equal([201, 7]);
    });

    it('orders once and gives the same answer, all at once', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => place([MUG], 'at-once')));
      for (const { status, body } of answers) expect([status, body]).to.deep.equal([201, answers[0]?.body]);
      expect([await stockOf(1), (await list()).length]).to.deep.equal([7, 1]);
    });

    it('answers 422 to a different order', async () => {
      await place([MUG], 'mine');
      expect((await place([CAP], 'mine')).status).to.equal(422);
      expect(await stockOf(2)).to.equal(1);
    });

    it('stays rejected when there is stock again', async () => {
      const many = [{ productId: 2, quantity: 5 }];
      const first = await place(many, 'late');
      await setStock(2, 10);
      const second = await place(many, 'late');
      expect([first.status, second.status]).to.deep.equal([409, 409]);
      expect(second.body.detail).to.equal('Only 1 of Cap left').and.to.equal(first.body.detail);
      expect(await stockOf(2)).to.equal(10);
    });

    it('takes no stock for an order that is rejected at the same moment', async () => {
      const many = [{ productId: 2, quantity: 5 }];
      await wire.cut();
      await place(many, 'race');
      await wire.mend();
      const settling = await holdOrders(async (waiting) => {
        const first = place(many, 'race');
        await until(async () => (await waiting()) === 1);
        await setStock(2, 10);
        const second = place(many, 'race');
        await until(async () => (await waiting()) === 2);
        return [first, second];
      });
      expect((await Promise.all(settling)).map(({ status }) => status)).to.deep.equal([409, 409]);
      expect(await stockOf(2)).to.equal(10);
    });

    it('orders twice when it is missing', async () => {
      await post({ items: [MUG] });
      await post({ items: [MUG] });
      expect([await stockOf(1), (await list()).length]).to.deep.equal([5, 2]);
    });
  });

  describe('without catalog', () => {
    it('answers 503, lists no order, and completes when the same key comes again', async () => {
      await wire.cut();
      const { status, headers, body } = await place([MUG], 'patient');
      expect([status, headers.get('retry-after')]).to.deep.equal([503, '1']);
      expect(body.detail).to.equal('catalog is not reachable at the moment');
      expect(await list()).to.deep.equal([]);

      await wire.mend();
      expect((await place([MUG], 'patient')).status).to.equal(201);
      expect([await stockOf(1), (await list()).length]).to.deep.equal([7, 1]);
    });

    it('shows the order as pending', async () => {
      await wire.cut();
      await place([MUG], 'pending');
      const { rows } = await orders.pool.query('select id from orders.orders');
      const { body } = await send(`${orders.url}/orders/${rows[0].id}`);
      expect(body).to.include({ status: 'pending', items: null, totalCents: null });
    });

    it('answers 503 when catalog fails, and completes later', async () => {
      await catalog.pool.query('alter table catalog.reservations rename to gone');
      expect((await place([MUG], 'broken')).status).to.equal(503);
      await catalog.pool.query('alter table catalog.gone rename to reservations');
      expect((await place([MUG], 'broken')).status).to.equal(201);
    });
  });

  describe('when what answers is not catalog', () => {
    const strangers: Record<string, RequestListener> = {
      'the error page of a proxy': (_req, res) =>
        res.writeHead(409, { 'content-type': 'text/html' }).end('<h1>Conflict'),
      'an answer that breaks off': (_req, res) => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 });
        res.write('{"items":', () => res.destroy());
      },
    };
    for (const [what, stranger] of Object.entries(strangers))
      it(`answers 503 to ${what}, and completes when catalog is back`, async () => {
        await wire.cut();
        const other = await listen(stranger, wire.port);
        const { status } = await place([MUG], 'strange').finally(other.close);
        expect(status).to.equal(503);
        await wire.mend();
        expect((await place([MUG], 'strange')).status).to.equal(201);
      });
  });

  describe('listing', () => {
    it('has the newest first, up to the limit', async () => {
      const ids: string[] = [];
      for (let n = 0; n < 3; n++) ids.unshift((await place([{ productId: 1, quantity: 1 }])).body.id);
      const listed = async (query: string): Promise<string[]> =>
        (await list(query)).map(({ id }: { id: string }) => id);
      expect(await listed('')).to.deep.equal(ids);
      expect(await listed('?limit=2')).to.deep.equal(ids.slice(0, 2));
    });

    it('says why an order was rejected', async () => {
      await place([{ productId: 2, quantity: 5 }]);
      const { rows } = await orders.pool.query('select id from orders.orders');
      const { body } = await send(`${orders.url}/orders/${rows[0].id}`);
      expect(body).to.deep.include({ status: 'rejected', rejection: { status: 409, detail: 'Only 1 of Cap left' } });
    });

    it('leaves out what was rejected', async () => {
      await place([{ productId: 2, quantity: 5 }]);
      expect(await list()).to.deep.equal([]);
    });

    for (const limit of ['0', '101', '-1', '1.5', 'x', ''])
      it(`answers 400 to the limit “${limit}”`, async () => {
        expect((await send(`${orders.url}/orders?limit=${limit}`)).status).to.equal(400);
      });
  });

  describe('getting', () => {
    it('answers 404 when there is no such order, 400 when the id is none', async () => {
      expect((await send(`${orders.url}/orders/${randomUUID()}`)).status).to.equal(404);
      expect((await send(`${orders.url}/orders/1`)).status).to.equal(400);
    });
  });
});
