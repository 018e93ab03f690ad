import { randomUUID } from 'node:crypto';
import { ServiceClient } from '@stand/chassis/client';
import { expect } from 'chai';
import { type AppWithDatabase, type Line, recordLogs } from '../../../../test/setup/app.ts';
import { createDatabase, type TestDatabase } from '../../../../test/setup/database.ts';
import { type Answer, send, until } from '../../../../test/setup/http.ts';
import { startService } from '../../../../test/setup/service.ts';
import { createWire, type Wire } from '../../../../test/setup/wire.ts';
import { startCatalog } from '../../../catalog/test/start.ts';
import { startRecovery } from '../../src/recovery.ts';
import { startOrders } from '../start.ts';

const GIVEN_UP = { status: 503, detail: 'The order could not be completed in time and was given up' };

describe('recovery', () => {
  let database: TestDatabase;
  let catalog: AppWithDatabase;
  let orders: AppWithDatabase;
  let wire: Wire;
  let recoveries: { stop(): void }[];

  before(async () => {
    database = await createDatabase('catalog', 'orders');
    catalog = await startCatalog(database);
    wire = await createWire(catalog.port);
    orders = await startOrders(database, `http://127.0.0.1:${wire.port}`);
  });
  after(async () => {
    await orders.close();
    await wire.cut();
    await catalog.close();
  });
  beforeEach(() => {
    recoveries = [];
    return catalog.pool.query(
      `truncate orders.orders, catalog.products, catalog.reservations restart identity;
       insert into catalog.products (sku, name, price_cents, stock) values ('cap', 'Cap', 333, 1)`,
    );
  });
  afterEach(() => {
    for (const recovery of recoveries) recovery.stop();
    return wire.mend();
  });

  const items = [{ productId: 1, quantity: 1 }];
  const place = (key?: string): Promise<Answer> => {
    const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
    return send(`${orders.url}/orders`, { method: 'POST', body: { items }, headers });
  };
  const reserve = (id: string): Promise<Answer> =>
    send(`${catalog.url}/reservations/${id}`, { method: 'PUT', body: { items } });
  const find = async (id: string) => (await send(`${orders.url}/orders/${id}`)).body;
  const stock = async (): Promise<number> => (await send(`${catalog.url}/products/1`)).body.stock;
  const end = (lease: string): Promise<unknown> =>
    orders.pool.query(`update orders.orders set leased_until = now() + $1::interval`, [lease]);

  /** A replica's recovery. Returns what it logs. */
  function recover(): Line[] {
    const { logger, lines } = recordLogs();
    const { pool } = orders;
    const client = new ServiceClient('catalog', `http://127.0.0.1:${wire.port}`, [50]);
    recoveries.push(startRecovery({ pool, catalog: client, logger }));
    return lines;
  }

  /** An order whose request has died, with its stock taken. */
  async function leaveBehind(key: string | null = null): Promise<string> {
    const query = `insert into orders.orders (requested, idempotency_key, leased_until) values ($1, $2, now()) returning id`;
    const { rows } = await orders.pool.query(query, [JSON.stringify(items), key]);
    expect((await reserve(rows[0].id)).status).to.equal(200);
    return rows[0].id;
  }

  const isSettled = (id: string) => async (): Promise<boolean> => (await find(id)).status !== 'pending';

  it('gives back the stock of an order that was left behind, and the order says why', async () => {
    const id = await leaveBehind();
    const lines = recover();
    await until(isSettled(id));
    expect(await find(id))
      .to.include({ status: 'rejected', items: null })
      .and.deep.include({ rejection: GIVEN_UP });
    expect(await stock()).to.equal(1);
    expect(lines.map(({ level, orders }) => [level, orders])).to.deep.equal([['info', [id]]]);
  });

  it('leaves alone what is settled, or in the hands of a request', async () => {
    const { id } = (await place()).body;
    await catalog.pool.query('update catalog.products set stock = 1');
    const [abandoned, leased] = [await leaveBehind(), randomUUID()];
    await orders.pool.query('insert into orders.orders (id, requested) values ($1, $2)', [
      leased,
      JSON.stringify(items),
    ]);
    await orders.pool.query(`update orders.orders set leased_until = '-infinity' where id = $1`, [id]);
    recover();
    await until(isSettled(abandoned));
    expect([(await find(id)).status, (await find(leased)).status]).to.deep.equal(['confirmed', 'pending']);
  });

  it('refuses the reservation of an order that was given up, when that comes late', async () => {
    const query = `insert into orders.orders (requested, leased_until) values ($1, now()) returning id`;
    const { rows } = await orders.pool.query(query, [JSON.stringify(items)]);
    recover();
    await until(isSettled(rows[0].id));
    expect(await reserve(rows[0].id)).to.deep.include({ status: 409 });
    expect(await stock()).to.equal(1);
  });

  it('gives up without delay what has failed before the eyes of a client that has no key', async () => {
    await wire.cut();
    expect((await place()).status).to.equal(503);
    await wire.mend();
    recover();
    const { id } = (await orders.pool.query('select id from orders.orders')).rows[0];
    await until(isSettled(id));
    expect((await place()).status, 'the same client again').to.equal(201);
  });

  it('gives up what a client without a key has not waited for', async () => {
    wire.stall();
    const client = new AbortController();
    const body = JSON.stringify({ items });
    const headers = { 'content-type': 'application/json' };
    const sent = fetch(`${orders.url}/orders`, { method: 'POST', body, headers, signal: client.signal });
    const pending = 'select id from orders.orders where rejection is null';
    const { id } = await until(async () => (await orders.pool.query(pending)).rows[0]);
    client.abort();
    await sent.catch(() => {});
    await until(async () => (await find(id)).rejection);
    await wire.mend();
    recover();
    await until(isSettled(id));
    // What the request had asked for comes all the same.
    await until(() => catalog.lines.some(({ req }) => req?.method === 'PUT' && req.url.includes(id)));
    expect([(await find(id)).status, await stock()]).to.deep.equal(['rejected', 1]);
  });

  it('lets the same key finish the order before it is given up, and order anew afterwards', async () => {
    await wire.cut();
    await place('mine');
    await place('late');
    await wire.mend();
    const first = await place('mine');
    expect(first.status).to.equal(201);
    await end('-1 second');
    await catalog.pool.query('update catalog.products set stock = 1');
    recover();
    const isFree = `select from orders.orders where status = 'rejected' and idempotency_key is null`;
    await until(async () => (await orders.pool.query(isFree)).rows.length === 1);
    const [second, again] = [await place('late'), await place('late')];
    expect([second.status, again.status, await stock()]).to.deep.equal([201, 201, 0]);
    expect(again.body.id).to.equal(second.body.id);
    expect((await place('mine')).body.id).to.equal(first.body.id);
  });

  it('and a request agree on what has become of an order', async () => {
    await wire.cut();
    await place('same');
    await wire.mend();
    await end('-1 second');
    recover();
    const answers = await Promise.all(Array.from({ length: 20 }, () => place('same')));
    const ids = answers.filter(({ status }) => status === 201).map(({ body }) => body.id);
    const unsettled = `select from orders.orders where status = 'pending'`;
    await until(async () => (await orders.pool.query(unsettled)).rows.length === 0);
    const confirmed: { id: string }[] = (await send(`${orders.url}/orders`)).body.orders;
    expect(confirmed.map(({ id }) => id)).to.deep.equal([...new Set(ids)]);
    expect(confirmed.length + (await stock())).to.equal(1);
  });

  it('gives up each order once, whichever replicas look for them', async () => {
    await catalog.pool.query('update catalog.products set stock = 30');
    const ids: string[] = [];
    for (let n = 0; n < 30; n++) ids.push(await leaveBehind());
    const logs = [recover(), recover(), recover()];
    await until(async () => (await stock()) === 30);
    for (const id of ids) await until(isSettled(id));
    expect(logs.flat().flatMap(({ orders }) => orders)).to.have.members(ids);
  });

  it('waits for a catalog that is away, and says so once', async () => {
    await wire.cut();
    const id = await leaveBehind();
    const lines = recover();
    await until(() => lines[0]);
    await end('-1 second');
    await until(async () => (await orders.pool.query('select from orders.orders where leased_until > now()')).rows[0]);
    await wire.mend();
    await end('-1 second');
    await until(isSettled(id));
    expect(lines.map(({ level }) => level)).to.deep.equal(['warn', 'info']);
    expect(lines[0]?.msg).to.equal('orders stay pending: catalog is not reachable at the moment');
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    it(`ends with its process by ${signal}, also while catalog hangs`, async () => {
      const id = await leaveBehind();
      wire.stall();
      const CATALOG_URL = `http://127.0.0.1:${wire.port}`;
      const service = startService('orders', { ...database.env, PORT: '0', CATALOG_URL });
      await until(async () => (await find(id)).rejection);
      service.process.kill(signal);
      expect(await service.exit()).to.equal(0);
      expect(service.lines.filter(({ level }) => level !== 'info' && level !== 'warn')).to.deep.equal([]);
      expect((await find(id)).status).to.equal('pending');
    });
});
