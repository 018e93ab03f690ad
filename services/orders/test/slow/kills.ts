/**
 * Kills orders and catalog at random while clients order, and prints where all pieces are then:
 * node --conditions=source --require ts-node/register services/orders/test/slow/kills.ts 50
 */
import { disturb } from './disturbances.ts';
import { startShop } from './shop.ts';

async function main(): Promise<void> {
  const shop = await startShop(3, '10 seconds');
  const { before, after, acknowledged, lost } = await disturb(shop, Number(process.argv[2] ?? 50), Date.now());
  const deaths = [shop.catalog, ...shop.orders].map((replica) => replica.deaths);
  await shop.end();
  console.log({ deaths, before, after, acknowledged, lost });
  process.exit(after.total === before.total && lost.length === 0 ? 0 : 1);
}

void main();
