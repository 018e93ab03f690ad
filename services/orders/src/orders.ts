import { finished } from 'node:stream';
import type { ServiceClient } from '@stand/chassis/client';
import { Problem, parse } from '@stand/chassis/problem';
import { list } from '@stand/chassis/schema';
import { Router } from 'express';
import type { Pool } from 'pg';
import * as v from 'valibot';
import { giveUp } from './recovery.ts';

const NewOrder = v.strictObject({
  items: list(
    v.strictObject({
      productId: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2_147_483_647)),
      quantity: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(99)),
    }),
    { min: 1, max: 20 },
  ),
});
const Headers = v.object({
  'idempotency-key': v.optional(
    v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible characters')),
  ),
});
const Limit = v.object({
  limit: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,3}$/), v.transform(Number), v.minValue(1), v.maxValue(100)),
    '20',
  ),
});
const Params = v.object({ id: v.pipe(v.string(), v.uuid()) });

const columns = 'id, status, requested, items, total_cents as "totalCents", rejection, created_at as "createdAt"';

interface Item {
  productId: number;
  quantity: number;
}

interface Order {
  id: string;
  status: 'pending' | 'confirmed' | 'rejected';
  requested: Item[];
  items: (Item & { name: string; priceCents: number })[] | null;
  totalCents: number | null;
  /** Why it will not be confirmed. An order that has one and is pending has stock to give back. */
  rejection: { status: number; detail: string } | null;
  createdAt: string;
}

/**
 * Orders: place, get, list. An order is written down first, then its stock is reserved under the order's id, then it
 * is confirmed. Whatever breaks in between, the same request with the same Idempotency-Key goes on where it stopped, or,
 * when the order has been given up by then, begins anew.
 */
export function orders(pool: Pool, catalog: ServiceClient): Router {
  const router = Router();

  router.post('/', async (req, res) => {
    const { items } = parse(NewOrder, req.body);
    const key = parse(Headers, req.headers)['idempotency-key'];
    const order = await record(pool, key, items);
    if (key === undefined) finished(res, (broken) => (broken || res.statusCode >= 500) && abandon(pool, order));
    const settled = order.status === 'pending' ? await settle(pool, catalog, order, req.id) : order;
    if (settled.rejection) throw new Problem(settled.rejection.status, settled.rejection.detail);
    res.status(201).location(`/orders/${settled.id}`).json(present(settled));
  });

  router.get('/', async (req, res) => {
    const { limit } = parse(Limit, req.query);
    const { rows } = await pool.query<Order>(
      `select ${columns} from orders.orders where status = 'confirmed' order by created_at desc limit $1`,
      [limit],
    );
    res.json({ orders: rows.map(present) });
  });

  router.get('/:id', async (req, res) => {
    res.json(present(await find(pool, parse(Params, req.params).id)));
  });

  return router;
}

/** Writes the order down, or finds the one that this key has already made. */
async function record(pool: Pool, key: string | undefined, items: Item[]): Promise<Order> {
  const written = await pool.query<Order>(
    `insert into orders.orders (idempotency_key, requested) values ($1, $2)
     on conflict (idempotency_key) do nothing returning ${columns}`,
    [key, JSON.stringify(items)],
  );
  if (written.rows[0]) return written.rows[0];
  const found = await pool.query<Order & { same: boolean }>(
    `select ${columns}, requested = $2::jsonb as same from orders.orders where idempotency_key = $1`,
    [key, JSON.stringify(items)],
  );
  // Given up in between: the key is free again.
  if (!found.rows[0]) return record(pool, key, items);
  if (!found.rows[0].same) throw new Problem(422, 'This Idempotency-Key belongs to a different order');
  return found.rows[0];
}

/** Who sent no key can't ask again what became of the order, and without a good answer will rather order anew. */
function abandon(pool: Pool, { id }: Order): void {
  // When this fails, the lease runs out.
  giveUp(pool, id).catch(() => {});
}

/** Reserves the stock and confirms, or rejects with catalog's reason. Safe to run twice at once. */
async function settle(
  pool: Pool,
  catalog: ServiceClient,
  { id, requested }: Order,
  requestId: unknown,
): Promise<Order> {
  const answer = await catalog.call(`/reservations/${id}`, { method: 'PUT', body: { items: requested }, requestId });
  if (answer.ok) {
    const { items } = (await answer.json()) as { items: NonNullable<Order['items']> };
    const total = items.reduce((sum, { priceCents, quantity }) => sum + priceCents * quantity, 0);
    return finish(pool, id, { status: 'confirmed', items: JSON.stringify(items), total });
  }
  const isRefusal = answer.headers.get('content-type')?.startsWith('application/problem+json');
  if (!isRefusal || ![404, 409].includes(answer.status)) throw new Problem(503, 'catalog could not reserve the stock');
  const { detail } = (await answer.json()) as { detail: string };
  return finish(pool, id, { status: 'rejected', rejection: JSON.stringify({ status: 409, detail }) });
}

interface Outcome {
  status: Order['status'];
  items?: string;
  total?: number;
  rejection?: string;
}

/** Only the first outcome counts, giving up included; whoever comes second gets that one. */
async function finish(pool: Pool, id: string, { status, items, total, rejection }: Outcome): Promise<Order> {
  await pool.query(
    `update orders.orders set status = $2, items = $3, total_cents = $4, rejection = $5
     where id = $1 and status = 'pending' and rejection is null`,
    [id, status, items, total, rejection],
  );
  return find(pool, id);
}

/** @throws {Problem} 404 */
async function find(pool: Pool, id: string): Promise<Order> {
  const { rows } = await pool.query<Order>(`select ${columns} from orders.orders where id = $1`, [id]);
  return rows[0] ?? missing(id);
}

function missing(id: string): never {
  throw new Problem(404, `There is no order ${id}`);
}

function present({ id, status, items, totalCents, rejection, createdAt }: Order) {
  return { id, status, items, totalCents, rejection, createdAt };
}
