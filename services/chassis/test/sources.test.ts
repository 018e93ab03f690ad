import { cpSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { hashMigrations, hashSources, savedAt } from '../sources.cjs';

const SETTINGS = JSON.stringify({ watch: ['src', '../chassis/src', 'queries/*.sql', '!src/made'], ext: 'ts,sql,json' });

describe('the hash of the sources', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sources-'));
    save('payments/nodemon.json', SETTINGS);
    save('payments/src/app.ts', 'app');
    save('payments/src/deeper/rates.json', '{}');
    save('payments/queries/all.sql', 'select');
    save('chassis/src/serve.ts', 'serve');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function save(file: string, text: string): void {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }

  const hash = (): string | undefined => hashSources(join(root, 'payments'));

  const changes: [what: string, change: () => void][] = [
    ["a file's content", () => save('payments/src/app.ts', 'App')],
    [
      'what was said in one file and is now in another',
      () => {
        save('payments/src/app.ts', 'ap');
        save('payments/src/deeper/rates.json', 'p{}');
      },
    ],
    ['a file in a folder of its own', () => save('payments/src/deeper/rates.json', '{ }')],
    ['a new file, though it is empty', () => save('payments/src/new.ts', '')],
    ['a file that is gone', () => rmSync(join(root, 'payments/src/app.ts'))],
    ["the chassis' sources", () => save('chassis/src/serve.ts', 'serves')],
    ['what a pattern of nodemon.json has watched', () => save('payments/queries/all.sql', 'select 1')],
  ];
  for (const [what, change] of changes)
    it(`is another one after a change of ${what}`, () => {
      const before = hash();
      change();
      expect(hash()).to.not.equal(before);
    });

  const others = [
    'src/.app.ts.swp',
    'src/app.ts~',
    'src/4913',
    'src/#app.ts#',
    'src/.idea/x.ts',
    'src/node_modules/a.ts',
  ];
  for (const file of [...others, 'src/notes.md', 'test/app.test.ts', 'README.md'])
    it(`minds ${file} as little as nodemon does`, () => {
      const before = hash();
      save(`payments/${file}`, 'text');
      expect(hash()).to.equal(before);
    });

  it('is the same wherever the folders are', () => {
    const before = hash();
    const elsewhere = mkdtempSync(join(tmpdir(), 'sources-'));
    cpSync(root, elsewhere, { recursive: true });
    expect(hashSources(join(elsewhere, 'payments'))).to.equal(before);
    rmSync(elsewhere, { recursive: true });
  });

  it('is none of a folder that is no service of nodemon', () => {
    rmSync(join(root, 'payments/nodemon.json'));
    expect(hash()).to.equal(undefined);
  });

  it('of migrations is another one after a change of these alone', () => {
    const migrations = (): string => hashMigrations(join(root, 'payments'));
    const hashes = [migrations()];
    for (const file of ['migrations/1_one.sql', 'seed.sql', 'migrations/2_two.sql']) {
      save(`payments/${file}`, 'select 1;');
      hashes.push(migrations());
    }
    expect(new Set(hashes)).to.have.property('size', 4);
    save('payments/src/app.ts', 'App');
    expect(migrations()).to.equal(hashes[3]);
  });

  it('is as old as the newest of its files, and of those of its migrations', () => {
    const service = join(root, 'payments');
    for (const file of ['src/app.ts', 'migrations/1_one.sql']) {
      save(`payments/${file}`, 'saved');
      utimesSync(join(service, file), 4e9, 4e9);
      expect(savedAt(service)).to.equal(4e12);
      utimesSync(join(service, file), 3e9, 3e9);
      expect(savedAt(service)).to.be.within(3e12, 4e12 - 1);
    }
  });
});
