import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { migrate, seed } from '@stand/chassis/migrate';
import { expect } from 'chai';
import { recordLogs } from '../../../test/setup/app.ts';
import { createDatabase, type TestDatabase, withClient } from '../../../test/setup/database.ts';

describe('the folder of migrations', () => {
  let database: TestDatabase;
  let dir: string;
  let logs: ReturnType<typeof recordLogs>;
  beforeEach(async () => {
    database = await createDatabase();
    logs = recordLogs();
    dir = join(mkdtempSync(join(tmpdir(), 'stand-migrations-')), 'migrations');
    mkdirSync(dir);
  });
  afterEach(() => rmSync(dirname(dir), { recursive: true }));

  const write = (name: string, text: string | Buffer): void => writeFileSync(join(dir, name), text);
  const remove = (name: string): void => rmSync(join(dir, name));
  const run = (): Promise<void> => withClient(database, (client) => migrate(client, 'shop', logs.logger, dir));
  const query = (sql: string): Promise<unknown[]> =>
    withClient(database, async (client) => (await client.query({ text: sql, rowMode: 'array' })).rows.flat());
  const applied = (): Promise<unknown[]> => query('select name from shop.migrations order by id');
  const warnings = (): string[] => logs.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg);
  /** What is wrong, without the folder, which differs from run to run. */
  const fault = (): Promise<string> =>
    run().then(
      () => 'nothing',
      ({ message }) => message.replaceAll(`${dir}/`, ''),
    );

  describe('applies', () => {
    for (const [what, text] of Object.entries({
      'a file with a byte order mark': '\uFEFF-- Up Migration\ncreate table one (n int);\n',
      'a byte order mark and no marker': '\uFEFFcreate table one (n int);\n',
      'CRLF at the ends of lines':
        '-- Up Migration\r\ncreate table one (\r\n  n int\r\n);\r\n\r\n-- Down Migration\r\ndrop table one;\r\n',
      'what stands before the Down marker, without an Up marker':
        'create table one (n int);\n-- Down Migration\ndrop table one;\n',
      'the Up part behind the Down part':
        '-- Down Migration\ndrop table one;\n-- Up Migration\ncreate table one (n int);\n',
      'a last line without semicolon or end': 'create table one (n int)',
      'an emoji in a comment': '-- 🦆\ncreate table one (n int);\n',
    }))
      it(what, async () => {
        write('0001_one.sql', text);
        await run();
        expect(await query('select count(*) from shop.one')).to.deep.equal([0]);
        expect(warnings()).to.deep.equal([]);
      });

    it('a link to a file, in the order of the numbers', async () => {
      write('10_ten.sql', 'alter table two rename to ten;');
      writeFileSync(join(dirname(dir), 'elsewhere.sql'), 'create table two (n int);');
      symlinkSync('../elsewhere.sql', join(dir, '2_two.sql'));
      await run();
      expect(await applied()).to.deep.equal(['2_two', '10_ten']);
    });
  });

  describe('passes over', () => {
    const nonsense = ['0002_x.sql.orig', '0002_x.sql~', '#0002_x.sql#', '.0002_x.sql.swp', '.DS_Store', '._0002_x.sql'];
    for (const name of [...nonsense, 'README.md', '.gitkeep', 'Thumbs.db', '0002_x.sql.bak', '4913', '0002_x.txt'])
      it(name, async () => {
        write('0001_one.sql', 'create table one (n int);');
        write(name, 'nonsense');
        await run();
        expect(await applied()).to.deep.equal(['0001_one']);
        expect(warnings()).to.deep.equal([]);
      });

    it('a folder with the name of a migration, and a link of an editor to nowhere', async () => {
      mkdirSync(join(dir, '0002_x.sql'));
      symlinkSync('me@host.1234', join(dir, '.#0003_x.sql'));
      await run();
      expect(await applied()).to.deep.equal([]);
    });

    for (const name of ['0002_x.SQL', 'products.sql', '0002-x.sql', '0002_x.js', "0002_it's.sql"])
      it(`${name}, and says so, since it may be meant as one`, async () => {
        write(name, 'nonsense');
        await run();
        expect(warnings()).to.deep.equal([`${join(dir, name)} is passed over: a migration is called NUMBER_name.sql`]);
      });

    for (const [what, text] of Object.entries({
      'an empty file': '',
      'a byte order mark': '\uFEFF',
      'only comments': '-- Up Migration\n/* to be\n written */ ;\n-- Down Migration\ndrop table one;\n',
    }))
      it(`${what} until there is SQL in it, and says so`, async () => {
        write('0001_one.sql', text);
        await run();
        expect(warnings()).to.deep.equal([`${join(dir, '0001_one.sql')} has no SQL yet and is passed over`]);
        write('0001_one.sql', 'create table one (n int);');
        await run();
        expect(await applied()).to.deep.equal(['0001_one']);
      });
  });

  describe('is refused', () => {
    it('when there is none', async () => {
      rmSync(dir, { recursive: true });
      expect(await fault()).to.equal(`there is no folder ${dir} in ${process.cwd()}`);
    });

    for (const [what, text] of Object.entries({
      'UTF-16, as of an editor on Windows': Buffer.from('\uFEFFselect 1;', 'utf16le'),
      'Latin-1': Buffer.from("select 'ü';", 'latin1'),
    }))
      it(`with a file in ${what}`, async () => {
        write('0001_one.sql', text);
        expect(await fault()).to.equal('0001_one.sql is not in UTF-8: save it as that');
      });

    it('with two of one number, unless both have run', async () => {
      write('0001_one.sql', 'select 1;');
      await run();
      write('1_uno.sql', 'select 1;');
      expect(await fault()).to.equal(
        '0001_one.sql and 1_uno.sql have the same number: give 1_uno.sql the next free one',
      );
      await query(`insert into shop.migrations (name, run_on) values ('1_uno', now()) returning 1`);
      expect(await fault()).to.equal('nothing');
    });

    it('with one that comes before one that has run', async () => {
      write('0002_two.sql', 'select 1;');
      await run();
      write('0001_late.sql', 'select 1;');
      expect(await fault()).to.match(
        /^0001_late\.sql comes before 0002_two, which the database has run: give it a higher number\. .*`make db-reset`/,
      );
    });

    it('after a change of branch, naming what each of both lacks, and what to do', async () => {
      write('0001_one.sql', 'select 1;');
      write('0002_theirs.sql', 'select 1;');
      await run();
      remove('0002_theirs.sql');
      write('0002_ours.sql', 'select 1;');
      expect(await fault()).to.match(
        /^the database has 0002_theirs, which is not among the files here, and lacks 0002_ours, .*`make db-reset`/,
      );
    });

    it('not after a rollback: the database may have more than the files', async () => {
      write('0001_one.sql', 'select 1;');
      write('0002_two.sql', 'select 1;');
      await run();
      remove('0002_two.sql');
      expect(await fault()).to.equal('nothing');
    });
  });

  describe('names file and line of what fails', () => {
    const failed = (place: string, reason: string): string => `migration of shop failed: ${place}: ${reason}`;
    for (const [what, text, place, reason] of [
      ['in the first line', 'selec 1;', ':1', 'syntax error at or near "selec"'],
      ['below the marker', '-- Up Migration\n\nselect 1;\nselect no;\n', ':4', 'column "no" does not exist'],
      [
        'behind the Down part',
        '-- Down Migration\nselect 1;\n-- Up Migration\nselect no;',
        ':4',
        'column "no" does not exist',
      ],
      [
        'with CRLF and a byte order mark',
        '\uFEFF-- Up Migration\r\nselect\r\n  no;\r\n',
        ':3',
        'column "no" does not exist',
      ],
      ['behind an emoji', "-- 🦆🦆🦆🦆\nselect '🦆🦆🦆🦆🦆',\nno\n,1,1,1,1;\n", ':3', 'column "no" does not exist'],
      ['at the end', 'select 1;\ncreate table t (\n', ':3', 'syntax error at or near ";"'],
      ['outside a transaction', '-- no-transaction\nselect 1;\n\nselect\n  no;\n', ':5', 'column "no" does not exist'],
      [
        'with a hint',
        'create table t (name text);\nselect t.nam from t;',
        ':2',
        'column t.nam does not exist (Perhaps you meant to reference the column "t.name".)',
      ],
      [
        'with detail where PostgreSQL knows no place',
        'create table t (n int primary key);\ninsert into t values (1), (1);',
        '',
        'duplicate key value violates unique constraint "t_pkey" (Key (n)=(1) already exists.)',
      ],
      [
        'with the line inside a function',
        "do $$\nbegin\n  raise 'no';\nend $$;",
        '',
        'no (PL/pgSQL function inline_code_block line 3 at RAISE)',
      ],
    ] as const)
      it(what, async () => {
        write('0001_one.sql', text);
        expect(await fault()).to.equal(failed(`0001_one.sql${place}`, reason));
      });
  });

  describe('the seed', () => {
    const sow = (): Promise<void> =>
      withClient(database, async (client) => {
        await migrate(client, 'shop', logs.logger, dir);
        await seed(client, join(dirname(dir), 'seed.sql'));
      });
    const writeSeed = (text: string): void => writeFileSync(join(dirname(dir), 'seed.sql'), text);
    beforeEach(() => write('0001_one.sql', 'create table one (n int);'));

    it('may have a byte order mark and CRLF, and finds the tables of its service', async () => {
      writeSeed('\uFEFFinsert into one values (1);\r\ninsert into shop.one values (2);\r\n');
      await sow();
      expect(await query('select n from shop.one')).to.deep.equal([1, 2]);
    });

    it('may be missing', async () => {
      await sow();
      expect(await query('select n from shop.one')).to.deep.equal([]);
    });

    it('says in which line it fails, and leaves nothing half done', async () => {
      writeSeed('insert into one values (1);\ninsert into two values (1);\n');
      const fault = await sow().catch(({ message }) => message);
      expect(fault).to.equal(`seeding failed: ${join(dirname(dir), 'seed.sql')}:2: relation "two" does not exist`);
      expect(await query('select n from shop.one')).to.deep.equal([]);
    });
  });

  describe('-- no-transaction', () => {
    const table = 'create table one (n int);\n';
    const indexes = (): Promise<unknown[]> =>
      query(`select indexrelid::regclass::text || case when indisvalid then '' else ' invalid' end
        from pg_index where indrelid = 'shop.one'::regclass order by 1`);

    it('lets an index be made concurrently, and several', async () => {
      write('0001_one.sql', table);
      write(
        '0002_index.sql',
        '-- no-transaction\r\n-- Up Migration\r\ncreate index concurrently a on one (n);\r\n' +
          'drop index concurrently if exists b; -- of an earlier try\ncreate index concurrently b\n  on one (n);\n',
      );
      await run();
      expect(await indexes()).to.deep.equal(['shop.a', 'shop.b']);
      expect(await applied()).to.deep.equal(['0001_one', '0002_index']);
      expect(warnings()).to.deep.equal([]);
    });

    it('is what the fault asks for where it is missing', async () => {
      write('0001_one.sql', `${table}create index concurrently a on one (n);`);
      expect(await fault()).to.match(/: 0001_one\.sql: CREATE INDEX CONCURRENTLY .*\(A line `-- no-transaction` in /);
    });

    it('wants each statement on its own lines', async () => {
      write('0001_one.sql', `-- no-transaction\n${table}select 1; create index concurrently a on one (n);`);
      expect(await fault()).to.match(/CREATE INDEX CONCURRENTLY .*\(Each statement needs a line of its own/);
    });

    it('keeps what came before a failure, as an invalid index, and runs again from the beginning', async () => {
      write('0001_one.sql', `${table}insert into one values (1), (1);`);
      const text =
        '-- no-transaction\ndrop index concurrently if exists a;\ncreate unique index concurrently a on one (n);\n';
      write('0002_index.sql', text);
      expect(await fault()).to.match(/: 0002_index\.sql: could not create unique index "a"/);
      expect(await indexes()).to.deep.equal(['shop.a invalid']);
      await query('delete from shop.one');
      await run();
      expect(await indexes()).to.deep.equal(['shop.a']);
    });
  });
});
