import { finished } from 'node:stream';
import { route } from '@stand/chassis/api';
import type { ServiceClient } from '@stand/chassis/client';
import { Problem } from '@stand/chassis/problem';
import { count, idempotencyKey, list, MAX_INTEGER, numeral } from '@stand/chassis/schema';
import type { Pool } from 'pg';
import * as v from 'valibot';
import type { Api as Catalog } from '../../catalog/src/app.ts';
import { giveUp } from './recovery.ts';

const Item = v.strictObject({ productId: count({ min: 1, max: MAX_INTEGER }), quantity: count({ min: 1, max: 99 }) });
const NewOrder = v.strictObject({ items: list(Item, { min: 1, max: 20 }) });
const Order = v.strictObject({
  id: v.pipe(v.string(), v.uuid()),
  status: v.picklist(['pending', 'confirmed', 'rejected']),
  items: v.nullable(v.array(v.strictObject({ ...Item.entries, name: v.string(), priceCents: v.number() }))),
  totalCents: v.nullable(v.number()),
  rejection: v.nullable(v.strictObject({ status: v.number(), detail: v.string() })),
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
});
const Limit = v.object({ limit: numeral({ min: 1, max: 100, fallback: 20 }) });
const { id } = Order.entries;

const columns = 'id, status, requested, items, total_cents as "totalCents", rejection, created_at as "createdAt"';

type Item = v.InferOutput<typeof Item>;
type Order = v.InferOutput<typeof Order>;

/** One that has a rejection and is pending has stock to give back. */
interface StoredOrder extends Order {
  requested: Item[];
}

const Place = {
  summary: 'Place an order',
  headers: v.object({ 'idempotency-key': v.optional(idempotencyKey) }),
  body: NewOrder,
  answers: { 201: Order, 409: 'An item can not be had', 422: 'The key belongs to a different order' },
};
const List = { summary: 'List the newest', query: Limit, answers: { 200: v.strictObject({ orders: v.array(Order) }) } };
const Get = { summary: 'Get one', params: v.object({ id }), answers: { 200: Order, 404: 'There is no such order' } };

/**
 * Orders: place, get, list. An order is written down first, then its stock is reserved under the order's id, then it
 * is confirmed. Whatever breaks in between, the same request with the same Idempotency-Key goes on where it stopped, or,
 * when the order has been given up by then, begins anew.
 */
export const orders = (pool: Pool, catalog: ServiceClient<Catalog>) => [
  route('POST /orders', Place, async ({ body: { items }, headers: { 'idempotency-key': key }, req, res }) => {
    const order = await record(pool, key, items);
    if (key === undefined) finished(res, (broken) => (broken || res.statusCode >= 500) && abandon(pool, order));
    const settled = order.status === 'pending' ? await settle(pool, catalog, order, req.id) : order;
    if (settled.rejection) throw new Problem(settled.rejection.status, settled.rejection.detail);
    res.location(`/orders/${settled.id}`);
    return present(settled);
  }),

  route('GET /orders', List, async ({ query: { limit } }) => {
    const { rows } = await pool.query<StoredOrder>(
      `select ${columns} from orders.orders where status = 'confirmed' order by created_at desc limit $1`,
      [limit],
    );
    return { orders: rows.map(present) };
  }),

  route('GET /orders/:id', Get, async ({ params: { id } }) => present(await find(pool, id))),
];

/** Writes the order down, or finds the one that this key has already made. */
async function record(pool: Pool, key: string | undefined, items: Item[]): Promise<StoredOrder> {
  const written = await pool.query<StoredOrder>(
    `insert into orders.orders (idempotency_key, requested) values ($1, $2)
     on conflict (idempotency_key) do nothing returning ${columns}`,
    [key, JSON.stringify(items)],
  );
  if (written.rows[0]) return written.rows[0];
  const found = await pool.query<StoredOrder & { same: boolean }>(
    `select ${columns}, requested = $2::jsonb as same from orders.orders where idempotency_key = $1`,
    [key, JSON.stringify(items)],
  );
  // Given up in between: the key is free again.
  if (!found.rows[0]) return record(pool, key, items);
  if (!found.rows[0].same) throw new Problem(422, 'This Idempotency-Key belongs to a different order');
  return found.rows[0];
}

/** Who sent no key can't ask again what became of the order, and without a good answer will rather order anew. */
function abandon(pool: Pool, { id }: StoredOrder): void {
  // When this fails, the lease runs out.
  giveUp(pool, id).catch(() => {});
}

/** Reserves the stock and confirms, or rejects with catalog's reason. Safe to run twice at once. */
async function settle(
  pool: Pool,
  catalog: ServiceClient<Catalog>,
  { id, requested }: StoredOrder,
  requestId: unknown,
): Promise<StoredOrder> {
  const { status, body } = await catalog.ask('PUT /reservations/:orderId', {
    params: { orderId: id },
    body: { items: requested },
    requestId,
    expect: [200, 404, 409],
  });
  if (status !== 200) {
    const rejection = JSON.stringify({ status: 409, detail: body.detail });
    return finish(pool, id, { status: 'rejected', rejection });
  }
  const total = body.items.reduce((sum, { priceCents, quantity }) => sum + priceCents * quantity, 0);
  return finish(pool, id, { status: 'confirmed', items: JSON.stringify(body.items), total });
}

interface Outcome {
  status: Order['status'];
  items?: string;
  total?: number;
  rejection?: string;
}

/** Only the first outcome counts, giving up included; whoever comes second gets that one. */
async function finish(pool: Pool, id: string, { status, items, total, rejection }: Outcome): Promise<StoredOrder> {
  await pool.query(
    `update orders.orders set status = $2, items = $3, total_cents = $4, rejection = $5
     where id = $1 and status = 'pending' and rejection is null`,
    [id, status, items, total, rejection],
  );
  return find(pool, id);
}

/** @throws {Problem} 404 */
async function find(pool: Pool, id: string): Promise<StoredOrder> {
  const { rows } = await pool.query<StoredOrder>(`select ${columns} from orders.orders where id = $1`, [id]);
  return rows[0] ?? missing(id);
}

function missing(id: string): never {
  throw new Problem(404, `There is no order ${id}`);
}

function present({ id, status, items, totalCents, rejection, createdAt }: StoredOrder) {
  return { id, status, items, totalCents, rejection, createdAt };
}
