import { createDatabase, withClient } from '../../../../test/setup/database.ts';
import { type Answer, send, until } from '../../../../test/setup/http.ts';
import { Replica } from './replica.ts';
import { createTap } from './tap.ts';

const STOCK = 100_000;
export const ITEM = { productId: 1, quantity: 2 };

/** Where all pieces are. */
export interface Accounts {
  stock: number;
  confirmed: number;
  total: number;
}

export interface Shop {
  catalog: Replica;
  orders: Replica[];
  replica(number: number): Replica;
  /** An order by a replica; undefined when that dies of it. */
  place(replica: number, key?: string): Promise<Answer | undefined>;
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects to be there
  query(sql: string, values?: unknown[]): Promise<any[]>;
  /** Waits until no order is pending. */
  settled(): Promise<Accounts>;
  end(): Promise<void>;
}

/**
 * Catalog and replicas of orders as processes of their own, each of which can be killed whenever it sends something.
 * `lease` is that of an order, in place of the migration's.
 */
export async function startShop(replicas: number, lease: string): Promise<Shop> {
  const database = await createDatabase('catalog', 'orders');
  const query: Shop['query'] = async (sql, values) => {
    return withClient(database, async (client) => (await client.query(sql, values)).rows);
  };
  await query(`insert into catalog.products (sku, name, price_cents, stock) values ('mug', 'Mug', 1, ${STOCK})`);
  await query(`alter table orders.orders alter leased_until set default now() + interval '${lease}'`);

  async function start(replica: Replica, env: Record<string, string> = {}): Promise<void> {
    const port = await createTap(
      async () => database.config.PGPORT,
      (sender) => sender === 'server' || replica.maySend(),
    );
    replica.start({ ...database.env, PORT: '0', PGPORT: String(port), ...env });
    await replica.url();
  }

  async function startOrders(replica: Replica): Promise<void> {
    const port = await createTap(
      async () => Number(new URL(await catalog.url()).port),
      (sender) => (sender === 'client' ? replica : catalog).maySend(),
    );
    await start(replica, { CATALOG_URL: `http://127.0.0.1:${port}` });
  }

  const catalog = new Replica('catalog');
  const orders = Array.from({ length: replicas }, () => new Replica('orders'));
  await Promise.all([start(catalog), ...orders.map(startOrders)]);

  const replica = (number: number): Replica => orders[number % replicas] as Replica;

  return {
    catalog,
    orders,
    replica,
    async place(number, key) {
      const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
      const url = `${await replica(number).url()}/orders`;
      return send(url, { method: 'POST', body: { items: [ITEM] }, headers }).catch(() => undefined);
    },
    query,
    async settled() {
      await until(async () => (await query(`select from orders.orders where status = 'pending'`)).length === 0);
      const [accounts] = await query(
        `select stock, confirmed, stock + confirmed as total from catalog.products,
         (select coalesce(sum((item->>'quantity')::int), 0)::int as confirmed
          from orders.orders, jsonb_array_elements(items) item where status = 'confirmed') sold`,
      );
      return accounts;
    },
    async end() {
      await Promise.all([catalog, ...orders].map((replica) => replica.end()));
    },
  };
}
