import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { onChange } from '../../scripts/host/changes.ts';

describe('a watch of files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'changes-'));
  const file = join(dir, 'file');
  let ending: AbortController;
  const next = (path: string) => new Promise((done) => onChange([path], ending.signal, () => done(path)));

  beforeEach(() => {
    ending = new AbortController();
    writeFileSync(file, 'before');
  });
  afterEach(() => ending.abort());
  after(() => rmSync(dir, { recursive: true }));

  it('sees what changes while it is being set', async () => {
    const changed = next(file);
    writeFileSync(file, 'after');
    await changed;
  });

  it('sees no change in what was there before', async () => {
    const old = next('package.json');
    const changed = next(file);
    writeFileSync(file, 'after');
    expect(await Promise.race([old, changed])).to.equal(file);
  });
});
