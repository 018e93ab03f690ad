import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { announce, HOST_MODE, printLines } from '../../scripts/host/output.ts';
import { Records } from '../../scripts/logs/files.ts';
import { type Line, Sieve } from '../../scripts/logs/lines.ts';
import { until } from '../setup/http.ts';

describe('what host mode takes down', () => {
  const [clone, { log }] = [process.cwd(), console];
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'output-'));
    process.chdir(folder);
    console.log = () => {};
  });
  afterEach(() => {
    console.log = log;
    process.chdir(clone);
    rmSync(folder, { recursive: true });
  });

  async function read(service: string, level?: 'error'): Promise<Line[]> {
    const sieve = new Sieve(level ? { level } : {});
    const lines: Line[] = [];
    await new Records([service]).read((taken) => lines.push(...sieve.pass(taken)), {});
    return lines;
  }

  it('are lines as they were written, in whichever pieces they come', async () => {
    const stream = new PassThrough();
    const kept: string[] = [];
    printLines('pieces', [stream], (line) => kept.push(line));
    const text = 'safe\r09:00:00.000 FATAL forged\nnäxt\u2028on\r\n\n  last';
    for (const byte of Buffer.from(text)) stream.write(Buffer.of(byte));
    stream.end();
    const lines = ['safe\\r09:00:00.000 FATAL forged', 'näxt\u2028on', '', '  last'];
    const taken = await until(async () => (await read('pieces')).length === lines.length && read('pieces'));
    expect(taken.map((line: Line) => line.text)).to.deep.equal(lines);
    expect(taken[0]?.level).to.equal(undefined);
    expect(kept).to.deep.equal(lines);
  });

  it('is a fault with all of its words', async () => {
    announce('✓ PostgreSQL runs again');
    announce('✗ FATAL: lock file exists\nDETAIL: of another one\n  HINT: end it');
    announce('✓ done');
    await until(async () => (await read(HOST_MODE)).length === 5);
    expect((await read(HOST_MODE, 'error')).map(({ text }) => text)).to.deep.equal([
      '✗ FATAL: lock file exists',
      '  DETAIL: of another one',
      '  HINT: end it',
    ]);
  });
});
