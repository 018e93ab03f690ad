import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceClient } from '@stand/chassis/client';
import { explain } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import type { Pool } from 'pg';
import type { Api as Catalog } from '../../catalog/src/app.ts';

const PAUSE_MS = 1000;
const BATCH = 10;

/** Why an order is given up. Whoever waits for it may send it again. */
export const GIVEN_UP = { status: 503, detail: 'The order could not be completed in time and was given up' };

interface Dependencies {
  pool: Pool;
  catalog: ServiceClient<Catalog>;
  logger: Logger;
}

/**
 * Placing an order is a saga (https://microservices.io/patterns/data/saga.html), and this is its compensation: an order
 * whose lease has run out, because what worked on it failed or died, is given up and its stock given back. Each replica
 * does this for all. What dies here leaves the order to the next in the same way, since every step may be repeated.
 */
export function startRecovery({ pool, catalog, logger }: Dependencies): { stop(): void } {
  const stopping = new AbortController();
  const { signal } = stopping;
  /** The reasons since stock was last given back: each is told once. */
  const reasons = new Set<string>();

  async function recover(): Promise<void> {
    for (let ids = await claim(pool); ids.length > 0 && !signal.aborted; ids = await claim(pool)) {
      await inFull(ids.map((id) => giveBack(pool, catalog, id)));
      logger.info({ orders: ids }, 'gave up orders and gave back their stock');
      reasons.clear();
    }
  }

  function complain(error: unknown): void {
    const reason = explain(error);
    if (!signal.aborted && !reasons.has(reason)) logger.warn({ reason }, `orders stay pending: ${reason}`);
    reasons.add(reason);
  }

  /** The first pause lets the first requests after a start be answered. */
  async function run(): Promise<void> {
    const pause = (): Promise<boolean> => sleep(PAUSE_MS, true, { signal }).catch(() => false);
    while (await pause()) await recover().catch(complain);
  }

  void run();
  return { stop: () => stopping.abort() };
}

/**
 * Gives an order up unless it is settled: from now on it can't be confirmed, and its key may order anew. Recovery gives
 * the stock back.
 */
export async function giveUp(pool: Pool, id: string): Promise<void> {
  await pool.query(
    `update orders.orders set rejection = $2, idempotency_key = null, leased_until = now()
     where id = $1 and status = 'pending' and rejection is null`,
    [id, GIVEN_UP],
  );
}

/** Gives up orders whose lease has run out, and leases them. What another replica is claiming is left to that one. */
async function claim(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `with abandoned as (
       select id from orders.orders where status = 'pending' and leased_until < now()
       order by leased_until limit $2 for update skip locked
     )
     update orders.orders set rejection = $1, idempotency_key = null, leased_until = default
     from abandoned where orders.id = abandoned.id returning orders.id`,
    [GIVEN_UP, BATCH],
  );
  return rows.map(({ id }) => id);
}

/** Only then is the order no longer pending, or nobody would ask again when this fails. */
async function giveBack(pool: Pool, catalog: ServiceClient<Catalog>, id: string): Promise<void> {
  await catalog.ask('DELETE /reservations/:orderId', { params: { orderId: id }, requestId: id, expect: [204] });
  await pool.query(`update orders.orders set status = 'rejected' where id = $1`, [id]);
}

/** Waits for all, also when one fails. @throws the first failure */
async function inFull(all: Promise<void>[]): Promise<void> {
  await Promise.allSettled(all);
  await Promise.all(all);
}
