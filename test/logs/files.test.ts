import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { logFile, olderLogFile, record } from '../../scripts/host/record.ts';
import { Records } from '../../scripts/logs/files.ts';
import { until } from '../setup/http.ts';

const MEBIBYTE = 2 ** 20;

describe("host mode's record of lines", () => {
  const clone = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'record-'));

  before(() => process.chdir(folder));
  after(() => {
    process.chdir(clone);
    rmSync(folder, { recursive: true });
  });

  async function read(service: string): Promise<string[]> {
    const texts: string[] = [];
    await new Records([service]).read(({ text }) => texts.push(text), {});
    return texts;
  }

  it('has each line as it was, with the time', async () => {
    const lines = ['{"a":"ä"}', '    at x', '', '\x1b[31mred\x1b[39m'];
    for (const line of lines) record('orders', line);
    expect(await until(async () => (await read('orders')).length === lines.length && read('orders'))).to.deep.equal(
      lines,
    );
    expect(readFileSync(logFile('orders'), 'utf8')).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \{"a":"ä"\}\n/);
  });

  it('keeps the newest 10 to 20 MB', async () => {
    const block = 'x'.repeat(MEBIBYTE);
    for (let count = 0; count < 45; count++) record('chatty', `${count} ${block}`);
    const counts = await until(async () => {
      const numbers = (await read('chatty')).map((text) => Number.parseInt(text, 10));
      return numbers.at(-1) === 44 && numbers;
    });
    expect(counts).to.deep.equal(Array.from({ length: counts.length }, (_, index) => 45 - counts.length + index));
    for (const file of [logFile('chatty'), olderLogFile('chatty')])
      expect(statSync(file).size).to.be.at.most(11 * MEBIBYTE);
    expect(counts.length).to.be.within(10, 20);
  });
});
