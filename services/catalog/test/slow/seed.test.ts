import { expect } from 'chai';
import { createDatabase, withClient } from '../../../../test/setup/database.ts';
import { startMigration } from '../../../../test/setup/service.ts';

describe('the seed of catalog', () => {
  it('comes after the migrations, and changes nothing when it comes again', async () => {
    const database = await createDatabase();
    const query = (sql: string): Promise<unknown[]> =>
      withClient(database, async (client) => (await client.query(sql)).rows);
    const seed = (): Promise<number | null> => startMigration('catalog', database.env).exit();
    expect(await seed()).to.equal(0);
    await query('update catalog.products set stock = 5');
    const before = await query('select * from catalog.products order by id');
    expect(await seed()).to.equal(0);
    expect(await query('select * from catalog.products order by id'))
      .to.deep.equal(before)
      .and.to.have.length.above(5);
  });
});
