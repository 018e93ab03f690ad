import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { hashMigrations } from '../sources.cjs';

const SCRIPT = resolve('services/chassis/migrated.cjs');

describe('a container of development', () => {
  let service: string;
  beforeEach(() => {
    service = mkdtempSync(join(tmpdir(), 'migrated-'));
    mkdirSync(join(service, 'migrations'));
    add('1_one.sql');
  });
  afterEach(() => rmSync(service, { recursive: true }));

  const add = (name: string): void => writeFileSync(join(service, 'migrations', name), 'select 1;');
  const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: service, encoding: 'utf8' });
  const noteFirst = () => node('-e', `require(${JSON.stringify(SCRIPT)}).noteFirst()`);
  const noted = (): unknown => JSON.parse(readFileSync(join(service, '.migrated'), 'utf8'));
  const applied = () => ({ hash: hashMigrations(service), failed: false });

  it('notes the migrations that it came with once', () => {
    noteFirst();
    const first = applied();
    expect(noted()).to.deep.equal(first);
    add('2_two.sql');
    noteFirst();
    expect(noted()).to.deep.equal(first);
  });

  it('notes those that a command has applied, as they were when it began', () => {
    const before = applied();
    const { status, stdout } = node(SCRIPT, 'sh', '-c', 'echo applied; echo > migrations/2_two.sql');
    expect([status, stdout, noted()]).to.deep.equal([0, 'applied\n', before]);
    expect(applied()).to.not.deep.equal(before);
  });

  it('notes that a command has failed, and fails with it', () => {
    for (const [command, expected] of [
      ['exit 3', 3],
      ['kill $$', 1],
    ] as const) {
      expect(node(SCRIPT, 'sh', '-c', command).status).to.equal(expected);
      expect(noted()).to.deep.equal({ ...applied(), failed: true });
    }
  });
});
