import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Accounts, Shop } from './shop.ts';

const CLIENTS = 6;
/** Between two disturbances, at most. */
const PAUSE_MS = 1500;

export interface Outcome {
  before: Accounts;
  after: Accounts;
  /** Orders that were answered with 201. */
  acknowledged: number;
  /** Those of them that are not confirmed. */
  lost: string[];
}

/**
 * Clients order without a pause, half of them with a key by which they try again, while `kills` processes are killed
 * and catalog is stopped for a while now and then. What happens when follows from `seed`.
 */
export async function disturb(shop: Shop, kills: number, seed: number): Promise<Outcome> {
  const random = randomNumbers(seed);
  const before = await shop.settled();
  const acknowledged: string[] = [];
  let ended = false;

  async function shopping(client: number): Promise<void> {
    let number = client;
    while (!ended) {
      const key = client % 2 ? randomUUID() : undefined;
      let answer = await shop.place(number, key);
      while (key && answer?.status !== 201) answer = await shop.place(++number, key);
      if (answer?.status === 201) acknowledged.push(answer.body.id);
    }
  }

  const clients = Array.from({ length: CLIENTS }, (_, number) => shopping(number));
  const processes = [shop.catalog, ...shop.orders];
  for (let kill = 0; kill < kills; kill++) {
    await sleep(random() * PAUSE_MS);
    if (random() < 0.3) await pause(shop, random() * PAUSE_MS);
    const victim = processes[Math.floor(random() * processes.length)];
    // On a slow machine one that is killed while it starts would never get to work.
    await victim?.url();
    victim?.signal('SIGKILL');
  }
  ended = true;
  await Promise.all(clients);
  const after = await shop.settled();
  const rows = await shop.query(`select id from orders.orders where status = 'confirmed'`);
  const confirmed = new Set(rows.map(({ id }) => id));
  return { before, after, acknowledged: acknowledged.length, lost: acknowledged.filter((id) => !confirmed.has(id)) };
}

async function pause({ catalog }: Shop, ms: number): Promise<void> {
  catalog.signal('SIGSTOP');
  await sleep(ms);
  catalog.signal('SIGCONT');
}

/** Numbers from 0 to 1, the same for the same seed: https://en.wikipedia.org/wiki/Linear_congruential_generator */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}
