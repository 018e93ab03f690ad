import { expect } from 'chai';
import { hostPort } from '../../../scripts/facts/ports.ts';
import { loadValues } from '../../../scripts/facts/values.ts';
import { capture } from '../../../scripts/machine/command.ts';
import { tiltCi } from '../../../test/e2e/setup.ts';
import { getJson } from '../../../test/setup/http.ts';
import { needsServices } from '../../../test/setup/needs.ts';
import { eventually } from '../../../test/setup/wait.ts';
import { differences, tell } from '../test/contract.ts';
import { startShop } from '../test/shop.ts';

describe('the shop in development, in the cluster', () => {
  needsServices('catalog', 'orders');
  before(async () => {
    // What another suite has left keeps the ports that the shop's Services have.
    await capture('make', ['down']);
    await tiltCi();
  });
  after(() => capture('make', ['down']));

  it('answers as on this machine', async () => {
    const local = await startShop();
    const here = await tell(local).finally(local.close);
    const { services } = loadValues('local');
    const url = (part: string): string => `http://localhost:${hostPort(services[part]?.port ?? 0)}`;
    const cluster = { gateway: url('gateway'), catalog: url('catalog'), orders: url('orders') };
    await eventually('gateway reaches the others', () => getJson(`${cluster.gateway}/api/orders`));
    expect(differences(await tell(cluster), here)).to.equal('');
  });
});
