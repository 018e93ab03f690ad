import { route } from '@stand/chassis/api';
import { transaction } from '@stand/chassis/database';
import { Problem } from '@stand/chassis/problem';
import { count, list, MAX_INTEGER } from '@stand/chassis/schema';
import type { Pool, PoolClient } from 'pg';
import * as v from 'valibot';

const Params = v.object({ orderId: v.pipe(v.string(), v.uuid()) });
const Item = v.strictObject({ productId: count({ min: 1, max: MAX_INTEGER }), quantity: count({ min: 1, max: 99 }) });
const PricedItem = v.strictObject({ ...Item.entries, name: v.string(), priceCents: v.number() });
const NewReservation = v.strictObject({ items: list(Item, { min: 1, max: 20 }) });

const CANCELLED = { status: 409, detail: 'The order was cancelled' };

type Item = v.InferOutput<typeof Item>;
type PricedItem = v.InferOutput<typeof PricedItem>;

interface Reservation {
  items: PricedItem[];
  /** Why the stock was not set aside. */
  refusal: { status: number; detail: string } | null;
}

const Reserve = {
  summary: 'Set stock aside for an order',
  params: Params,
  body: NewReservation,
  answers: {
    200: v.strictObject({ items: v.array(PricedItem) }),
    404: 'There is no such product',
    409: 'There is not enough, or the order was cancelled',
  },
};
const Release = { summary: 'Give the stock back', params: Params, answers: { 204: 'There is none any more' } };

/**
 * Stock set aside for an order, at the price of that moment. Asking again for the same order changes nothing: it gets
 * the same answer, also when that was no, or an order might be rejected and take the stock all the same. Deleting gives
 * the stock back and leaves a no behind, for a request that comes late or was under way.
 */
export const reservations = (pool: Pool) => [
  route('PUT /reservations/:orderId', Reserve, async ({ params: { orderId }, body: { items } }) => {
    const { refusal, ...reserved } = await transaction(pool, (client) => reserve(client, orderId, items));
    if (refusal) throw new Problem(refusal.status, refusal.detail);
    return reserved;
  }),

  route('DELETE /reservations/:orderId', Release, ({ params: { orderId } }) =>
    transaction(pool, (client) => release(client, orderId)),
  ),
];

async function reserve(client: PoolClient, orderId: string, items: Item[]): Promise<Reservation> {
  if (!(await isFirst(client, orderId))) return findReservation(client, orderId);

  await client.query('savepoint untouched');
  const reservation = await takeAll(client, items);
  await client.query('update catalog.reservations set items = $2, refusal = $3 where order_id = $1', [
    orderId,
    JSON.stringify(reservation.items),
    reservation.refusal,
  ]);
  return reservation;
}

/** Gives back what the order has taken, and refuses it from now on. Repeating it changes nothing. */
async function release(client: PoolClient, orderId: string): Promise<void> {
  await isFirst(client, orderId);
  const query = 'select items from catalog.reservations where order_id = $1 for update';
  const { rows } = await client.query<Pick<Reservation, 'items'>>(query, [orderId]);
  // They are in the order of their ids, in which everybody takes them.
  for (const { productId, quantity } of rows[0]?.items ?? [])
    await client.query('update catalog.products set stock = stock + $2 where id = $1', [productId, quantity]);
  await client.query(
    `update catalog.reservations set items = '[]', refusal = coalesce(refusal, $2) where order_id = $1`,
    [orderId, CANCELLED],
  );
}

/** A second call for the same order waits here until the first has committed, and then finds its result. */
async function isFirst(client: PoolClient, orderId: string): Promise<boolean> {
  const { rowCount } = await client.query(
    `insert into catalog.reservations (order_id, items) values ($1, '[]') on conflict do nothing`,
    [orderId],
  );
  return rowCount === 1;
}

async function findReservation(client: PoolClient, orderId: string): Promise<Reservation> {
  const { rows } = await client.query('select items, refusal from catalog.reservations where order_id = $1', [orderId]);
  return rows[0];
}

/** Takes all items or, when one of them can't be had, none. */
async function takeAll(client: PoolClient, items: Item[]): Promise<Reservation> {
  try {
    const priced: PricedItem[] = [];
    // Everybody takes products in the order of their ids, so two orders can't wait for each other.
    for (const item of [...items].sort((a, b) => a.productId - b.productId)) priced.push(await take(client, item));
    return { items: priced, refusal: null };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    await client.query('rollback to untouched');
    return { items: [], refusal: { status: error.status, detail: error.detail } };
  }
}

/** @throws {Problem} 409 when there isn't enough, 404 when there is no such product */
async function take(client: PoolClient, { productId, quantity }: Item): Promise<PricedItem> {
  const taken = await client.query(
    `update catalog.products set stock = stock - $2 where id = $1 and stock >= $2
     returning name, price_cents as "priceCents"`,
    [productId, quantity],
  );
  if (taken.rows[0]) return { productId, quantity, ...taken.rows[0] };
  const { rows } = await client.query('select name, stock from catalog.products where id = $1', [productId]);
  if (!rows[0]) throw new Problem(404, `There is no product ${productId}`);
  const { name, stock } = rows[0];
  throw new Problem(409, stock === 0 ? `${name} is sold out` : `Only ${stock} of ${name} left`);
}
