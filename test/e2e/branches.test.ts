import { expect } from 'chai';
import { connectionsOf } from '../../scripts/database/connect.ts';
import { loadDefaults, loadValues } from '../../scripts/facts/values.ts';
import { capture } from '../../scripts/machine/command.ts';
import { send } from '../../scripts/measure/load.ts';
import { getJson } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { inFixture, items, itemsOf, podUid, STORE, Tilt, tiltCi } from './setup.ts';

/** As make dev DB=branch leaves it. */
const NOTE = '.stand/database-per-branch';
const MIGRATION = 'services/store/migrations/0002_later.sql';
const ITEMS = `select from "store".items limit 1`;
const COLUMN = `select from information_schema.columns where table_schema = 'store' and column_name = 'later'`;

describe('a database per git branch, in the cluster', function () {
  this.bail(true);
  let tilt: Tilt | undefined;
  const main = loadDefaults().postgresql.auth.database;
  const LOGIN = `${main}.login`;

  const git = (...args: string[]) =>
    capture('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args]);
  const areThere = (...wanted: string[]) =>
    eventually(`the items are ${wanted.join(', ')}`, async () => String((await itemsOf())?.sort()) === String(wanted));
  /** Asked of store itself: see DNS_MS in loop.test.ts for why not through front. */
  const ownItems = async () => (await getJson<{ items: { name: string }[] }>(STORE))?.items.map(({ name }) => name);
  /** Whether a query has a row in a database, which may be still to come. */
  const has = (query: string, database: string): Promise<boolean> =>
    connectionsOf(loadValues('local'))(async (client) => (await client.query(query)).rowCount === 1, database).catch(
      ({ message }) => {
        // It is still to come.
        expect(message).to.contain('does not exist');
        return false;
      },
    );

  const fixture = inFixture();
  before(async () => {
    await git('init', '--quiet', '--initial-branch=main');
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'fixture');
    fixture()?.write(NOTE, '');
    await tiltCi();
    tilt = new Tilt();
    await items();
    await capture('make', ['db-reset', 'YES=1']);
    await send(STORE, { name: 'before' });
    await areThere('before', 'first', 'second');
  });
  afterEach(function () {
    if (this.currentTest?.isFailed()) console.log(tilt?.output.split('\n').slice(-60).join('\n'));
  });
  after(async () => {
    await tilt?.stop();
    for (const path of [NOTE, '.git', MIGRATION]) fixture()?.remove(path);
    await capture('make', ['down']);
  });

  it('is made of the main one at the checkout of a new branch, which its services then use', async () => {
    const pod = await podUid('store');
    await git('checkout', '--quiet', '-b', 'login');
    await eventually('the pod is another one', async () => {
      const uid = await podUid('store');
      return uid !== '' && !uid.includes(pod);
    });
    await eventually('it is there', () => has(ITEMS, LOGIN));
    await capture('make', ['wait', 'SERVICE=store']);
    await send(STORE, { name: 'on login' });
    await areThere('before', 'first', 'on login', 'second');
  });

  it('has the branch’s migrations alone, and the main one’s data is back with its branch', async () => {
    fixture()?.write(MIGRATION, 'alter table "store".items add column later text;');
    await eventually('it is applied', () => has(COLUMN, LOGIN));
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'migration');
    await git('checkout', '--quiet', 'main');
    await eventually('the main one is back', async () => (await itemsOf())?.includes('on login') === false);
    await git('checkout', '--quiet', 'login');
    await eventually('the branch’s is back', async () => (await itemsOf())?.includes('on login'));
    expect(await has(COLUMN, main)).to.equal(false);
  });

  it('is that of a service on this machine too', async () => {
    await capture('tilt', ['args', '--', '--local=store']);
    await eventually('its pod is gone', async () => (await podUid('store')) === '');
    await eventually('the branch’s is there', async () => (await ownItems())?.includes('on login'));
    await git('checkout', '--quiet', 'main');
    await eventually('the main one is back', async () => (await ownItems())?.includes('on login') === false);
    await git('checkout', '--quiet', 'login');
    await eventually('the branch’s is back', async () => (await ownItems())?.includes('on login'));
    expect(await has(COLUMN, main)).to.equal(false);
  });
});
