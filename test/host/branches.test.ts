import { expect } from 'chai';
import { capture } from '../../scripts/machine/command.ts';
import { send } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { Host, type HostFixture, hostFixture, query } from './host.ts';

const MIGRATION = 'services/store/migrations/0002_later.sql';
const COLUMN = `select column_name from information_schema.columns where table_schema = 'store' and column_name = 'later'`;
/** https://www.postgresql.org/docs/18/errcodes-appendix.html */
const NO_DATABASE = '3D000';
const MAIN = 'stand';
const LOGIN = 'stand.login';

describe('make dev DB=branch', function () {
  this.timeout(150_000);
  let fixture: HostFixture;
  let host: Host | undefined;

  before(async () => {
    fixture = await hostFixture('clock');
    await git('init', '--quiet', '--initial-branch=main');
    await commit();
    host = await new Host(fixture, ['DB=branch']).ready();
  });
  after(async () => {
    await host?.destroy();
    fixture?.copy.remove();
  });

  const git = (...args: string[]) => {
    const user = ['-c', 'user.name=test', '-c', 'user.email=test@example.com', '-c', 'advice.detachedHead=false'];
    return capture('git', ['-C', fixture.copy.root, ...user, ...args]);
  };
  const commit = async (): Promise<void> => {
    await git('add', '--all');
    await git('commit', '--quiet', '--message', 'test');
  };
  const store = () => `http://127.0.0.1:${fixture.ports.store}/`;
  const add = (name: string) => send(store(), { method: 'POST', body: { name } });
  /** Of the services, whichever database they have. */
  const names = async (): Promise<string[] | undefined> => {
    const { status, body } = await send(store()).catch(() => ({ status: 0, body: undefined }));
    return status === 200 ? body.items.map(({ name }: { name: string }) => name) : undefined;
  };
  const areThere = async (...wanted: string[]): Promise<void> => {
    await eventually(
      `the items are ${wanted.join(', ')}`,
      async () => String((await names())?.sort()) === String(wanted),
    );
  };
  const hasColumn = (database: string) =>
    query(fixture, async (client) => (await client.query(COLUMN)).rowCount === 1, database).catch(({ code }) => {
      // It is still to come.
      expect(code).to.equal(NO_DATABASE);
      return false;
    });
  const itemsOf = (database: string): Promise<string[]> =>
    query(
      fixture,
      async (client) => (await client.query('select name from "store".items')).rows.map(({ name }) => name),
      database,
    );
  const make = (...args: string[]): string => {
    const { stdout, stderr } = fixture.copy.run('make', args);
    return stdout + stderr;
  };

  /** How often values, and so a branch, have been taken up. */
  const takenUp = () => host?.output.split('Changed values taken up: store').length ?? 0;
  const checkout = async (...args: string[]): Promise<void> => {
    const before = takenUp();
    await git('checkout', '--quiet', ...args);
    await eventually('the branch is taken up', () => takenUp() > before);
  };

  it('runs the main branch on the main database', async () => {
    await add('before');
    expect(await itemsOf(MAIN)).to.have.members(['before', 'first', 'second']);
  });

  it('makes that of a new branch of the main one, and takes it up with a checkout', async () => {
    await checkout('-b', 'login');
    expect(host?.output).to.contain(`✓ The database ${LOGIN} is made, as a copy of ${MAIN}`);
    await areThere('before', 'first', 'second');
    await add('on login');
    expect(await itemsOf(LOGIN)).to.include('on login');
    expect(await itemsOf(MAIN)).to.not.include('on login');
  });

  it('applies a branch’s migrations to its database alone, whichever way one comes to it', async () => {
    fixture.copy.write(MIGRATION, 'alter table "store".items add column later text;');
    await eventually('it is applied', () => hasColumn(LOGIN));
    await commit();
    await checkout('main');
    await areThere('before', 'first', 'second');
    await checkout('login');
    await areThere('before', 'first', 'on login', 'second');
    expect(await hasColumn(MAIN)).to.equal(false);
  });

  it('has every command about the data of the branch', async () => {
    expect(make('db-list')).to.match(/stand\.login +this branch's/);
    expect(make('db-drop', 'NAME=stand.login', 'YES=1')).to.contain('✗ The services use stand.login');
    expect(make('db-save', 'NAME=one')).to.contain('✓ Saved');
    expect(make('db-reset')).to.contain('✗ Delete all data but saves in stand.login of localhost');
    expect(make('db-reset', 'YES=1')).to.contain('✓ Migrated and seeded anew: store');
    await areThere('first', 'second');
    expect(make('db-load', 'NAME=one', 'YES=1')).to.contain('✓ Loaded');
    await areThere('before', 'first', 'on login', 'second');
    await checkout('main');
    await areThere('before', 'first', 'second');
  });

  it('changes nothing while there is no branch, as in a rebase, and makes up for it afterwards', async () => {
    await git('checkout', '--quiet', '--detach', 'login');
    await eventually('it says so', () => host?.output.includes('! There is no git branch, as in a rebase'));
    expect(make('status')).to.contain('store').and.not.contain('git branch');
    expect(make('db-list')).to.match(/stand\.login +a branch's/);
    await git('checkout', '--quiet', '-b', 'rebased');
    await eventually('it is made', () => hasColumn('stand.rebased'));
    expect(await hasColumn(MAIN)).to.equal(false);
    await checkout('main');
  });

  it('drops a branch’s database with its saves when asked to', () => {
    expect(make('db-drop', 'NAME=stand.login', 'YES=1')).to.contain(
      "✓ Deleted: the branch's database stand.login, and its saves one",
    );
    expect(make('db-list')).to.not.contain('stand.login');
  });

  it('is left by make dev without it, which has the main database on every branch', async () => {
    await checkout('-b', 'other');
    await areThere('before', 'first', 'second');
    await add('on other');
    expect(await itemsOf('stand.other')).to.include('on other');
    await host?.end('SIGINT');
    host = await new Host(fixture).ready();
    await areThere('before', 'first', 'second');
    expect(make('db-list')).to.match(/stand\.other +a branch's/);
  });

  it('takes up a checkout that comes while it starts', async () => {
    await host?.end('SIGINT');
    await git('checkout', '--quiet', 'main');
    host = await new Host(fixture, ['DB=branch']).says('Starting PostgreSQL');
    await git('checkout', '--quiet', 'rebased');
    await host.ready();
    await add('on rebased');
    expect(await itemsOf('stand.rebased')).to.include('on rebased');
    expect(await hasColumn(MAIN)).to.equal(false);
  });

  it('is made by a command too that comes before the services', async () => {
    await host?.end('SIGINT');
    await git('checkout', '--quiet', 'main');
    await git('checkout', '--quiet', '-b', 'early');
    expect(make('db-seed')).to.contain('✓ The database stand.early is made, as a copy of stand');
  });
});

describe('a database per branch', () => {
  const refusals: [args: string[], words: string][] = [
    [['DB=main'], '✗ DB is branch or nothing, not main'],
    [['DB=branch', 'ENV=staging'], '✗ DB=branch is about local data, never that of ENV=staging'],
  ];
  it('is refused where it makes no sense', async () => {
    const fixture = await hostFixture('clock');
    for (const [args, words] of refusals) {
      const { status, stderr } = fixture.copy.run('make', ['dev', 'MODE=host', ...args]);
      expect(status).to.not.equal(0);
      expect(stderr).to.contain(words);
    }
    const { stderr } = fixture.copy.run('make', ['dev', 'MODE=host', 'DB=branch']);
    expect(stderr).to.contain('✗ DB=branch needs a git branch, and there is none');
    fixture.copy.remove();
  });
});
