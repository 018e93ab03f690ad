import { expect } from 'chai';
import { send } from '../../../../test/setup/http.ts';
import { needsServices } from '../../../../test/setup/needs.ts';
import { differences, type Told, tell } from '../contract.ts';
import { type RunningShop, startShop } from '../shop.ts';

/** On this machine; services/gateway/e2e has the images of development and of production say the same. */
describe('what the shop answers', () => {
  needsServices('catalog', 'orders');
  let shop: RunningShop;
  let told: Told[];
  before(async () => {
    shop = await startShop();
    told = await tell(shop);
  });
  after(() => shop?.close());

  it('is the same each time', async () => {
    expect(differences(await tell(shop), told)).to.equal('');
  });

  it('is no failure of ours', () => {
    expect(told.filter(({ status }) => status >= 500)).to.deep.equal([]);
  });

  for (const part of ['gateway', 'catalog', 'orders'] as const)
    it(`has a status that the document of ${part} knows`, async () => {
      const { paths } = (await send(`${shop[part]}/openapi.json`)).body;
      for (const [path, operations] of Object.entries<Record<string, { responses: object }>>(paths))
        for (const [method, { responses }] of Object.entries(operations)) {
          const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '[^/?]+')}(\\?|$)`);
          const answers = told.filter(
            (of) => of.part === part && pattern.test(of.path) && of.method === method.toUpperCase(),
          );
          expect(
            answers.map(({ status }) => String(status)),
            `${method} ${path}`,
          ).to.not.deep.equal([]);
          expect(Object.keys(responses)).to.include.members(answers.map(({ status }) => String(status)));
        }
    });
});
