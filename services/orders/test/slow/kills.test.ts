import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { send, until } from '../../../../test/setup/http.ts';
import { disturb } from './disturbances.ts';
import { ITEM, type Shop, startShop } from './shop.ts';

type Victim = 'orders' | 'catalog';

/** What a victim is killed at, each with the lease that lets it go on soonest. */
const WORK: Record<string, { lease: string; prepare?: (shop: Shop) => Promise<unknown>; run(shop: Shop): unknown }> = {
  'placing an order whose client tries again': {
    lease: '10 seconds',
    run(shop) {
      const key = randomUUID();
      return until(async () => (await shop.place(0, key))?.status === 201);
    },
  },
  'placing an order whose client does not': { lease: '500 milliseconds', run: (shop) => shop.place(0) },
  'giving up an order': {
    lease: '500 milliseconds',
    async prepare(shop) {
      const query = `insert into orders.orders (requested, leased_until) values ($1, 'infinity') returning id`;
      const [{ id }] = await shop.query(query, [JSON.stringify([ITEM])]);
      const url = `${await shop.catalog.url()}/reservations/${id}`;
      expect((await send(url, { method: 'PUT', body: { items: [ITEM] } })).status).to.equal(200);
    },
    run: (shop) => shop.query(`update orders.orders set leased_until = now() where status = 'pending'`),
  },
};

describe('orders and catalog, when they are killed', function () {
  this.timeout(300_000);
  const shops: Shop[] = [];
  const open = async (replicas: number, lease: string): Promise<Shop> => {
    const shop = await startShop(replicas, lease);
    shops.push(shop);
    return shop;
  };
  afterEach(() => Promise.all(shops.splice(0).map((shop) => shop.end())));

  /** Kills it when it has sent its first piece, its second, and so on until the work is done by then. Returns the kills. */
  async function killAtEachStep(victim: Victim, work: string): Promise<number> {
    const { lease, prepare, run } = WORK[work] as (typeof WORK)[string];
    const shop = await open(1, lease);
    const { total } = await shop.settled();
    const replica = victim === 'catalog' ? shop.catalog : shop.replica(0);
    for (let step = 1; ; step++) {
      await prepare?.(shop);
      replica.dieAt(step);
      await run(shop);
      expect((await shop.settled()).total, `${victim}, ${work}, step ${step}`).to.equal(total);
      if (replica.deaths < step) return replica.deaths;
    }
  }

  for (const victim of ['orders', 'catalog'] as const)
    it(`lose nothing, whatever step ${victim} dies after`, async () => {
      const kills = await Promise.all(Object.keys(WORK).map((work) => killAtEachStep(victim, work)));
      // Pieces may go out together: how many steps there are, the network decides.
      for (const count of kills) expect(count).to.be.greaterThan(1);
    });

  it('lose nothing while catalog is stopped for longer than anybody waits', async () => {
    const shop = await open(2, '10 seconds');
    const before = await shop.settled();
    shop.catalog.signal('SIGSTOP');
    const answers = await Promise.all([0, 1, 0, 1].map((replica) => shop.place(replica)));
    shop.catalog.signal('SIGCONT');
    expect(answers.map((answer) => answer?.status)).to.deep.equal([504, 504, 504, 504]);
    expect(await shop.settled()).to.deep.equal(before);
  });

  it('lose nothing while several clients order from several replicas', async () => {
    const shop = await open(2, '2 seconds');
    const { before, after, acknowledged, lost } = await disturb(shop, 6, 1);
    expect(after.total).to.equal(before.total);
    expect(acknowledged).to.be.greaterThan(0);
    expect(lost).to.deep.equal([]);
  });
});
