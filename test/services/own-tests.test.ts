import { symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import type { Copy } from '../setup/copy.ts';
import { fixtureCopy } from '../setup/fixture.ts';

describe('make test SERVICE=…', () => {
  let fixture: Copy;
  before(() => {
    fixture = fixtureCopy();
    symlinkSync(resolve('node_modules'), fixture.at('node_modules'));
    for (const [path, title] of [
      ['store/test/store.test.ts', 'sells'],
      ['store/test/more/store.test.ts', 'sells more'],
      ['store/test/slow/store.test.ts', 'sells on and on'],
      ['front/test/front.test.ts', 'greets'],
    ])
      fixture.write(`services/${path}`, `it('${title}', () => {});\n`);
  });
  after(() => fixture?.remove());

  function test(services: string): { status: number | null; output: string } {
    const { status, stdout, stderr } = fixture.run('make', ['test', `SERVICE=${services}`]);
    return { status, output: stdout + stderr };
  }

  it('runs the service’s own tests and nothing else', () => {
    const { status, output } = test('store');
    expect(output).to.contain('✔ sells\n').and.contain('✔ sells more\n').and.contain('2 passing');
    expect(status).to.equal(0);
  });

  it('runs those of several', () => {
    expect(test('store front').output).to.contain('✔ greets').and.contain('3 passing');
  });

  it('fails when one does, and ends with where', () => {
    fixture.write('services/front/test/front.test.ts', `it('greets', () => {\n  throw new Error('no voice');\n});\n`);
    const { status, output } = test('front');
    expect(output).to.match(
      /1 failing[\s\S]*greets:\s+Error: no voice[\s\S]*services\/front\/test\/front\.test\.ts:2:/,
    );
    expect(status).to.not.equal(0);
  });

  it('refuses what it can’t run', () => {
    fixture.remove('services/front/test');
    for (const [name, said] of [
      ['stroe', 'There is no service stroe. There are: clock, front, store, and chassis'],
      ['constructor', 'There is no service constructor.'],
      ['store clock', 'clock is in another language\n  Its own tools run its tests, in services/clock.'],
      ['front', 'front has no tests\n  They are services/front/test/*.test.ts'],
    ] as const) {
      const { status, output } = test(name);
      expect(output).to.contain(`✗ ${said}`).and.not.contain('passing');
      expect(status).to.not.equal(0);
    }
  });
});
