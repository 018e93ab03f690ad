import { symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect } from 'chai';
import { copyTemplates } from '../../scripts/services/templates.ts';
import { Copy } from '../setup/copy.ts';

/** A service's file that asks another one for what the template of those with tables offers. */
const callerOf = (callee: string): string => `import type { ServiceClient } from '@stand/chassis/client';
import type { Api } from '../../${callee}/src/app.ts';

export async function make(callee: ServiceClient<Api>, name: string): Promise<string> {
  const { status, body } = await callee.ask('POST /', { body: { name }, requestId: '1', expect: [201, 409] });
  if (status === 409) return body.detail;
  return body.name.toUpperCase();
}
`;

describe('a change of a contract', () => {
  let copy: Copy;
  before(() => {
    copy = new Copy('tsconfig.json');
    symlinkSync(resolve('node_modules'), copy.at('node_modules'));
    for (const callee of ['kept', 'renamed', 'dropped']) {
      copyTemplates(['service', 'database'], callee, copy.at(`services/${callee}`));
      copy.remove(`services/${callee}/test`);
      copy.write(`services/caller/src/${callee}.ts`, callerOf(callee));
    }
  });
  after(() => copy.remove());

  function change(callee: string, from: string, to: string): void {
    const file = `services/${callee}/src/items.ts`;
    expect(copy.read(file)).to.contain(from);
    copy.write(file, copy.read(file).replace(from, to));
  }

  it('turns its callers red, and no other', () => {
    change('renamed', 'id: v.number(), name', 'id: v.number(), label: name');
    change('dropped', ", 409: 'There is one with this name'", '');
    const { stdout } = copy.run('npx', ['tsc', '--noEmit']);
    expect(stdout).to.contain(
      "services/caller/src/renamed.ts(7,15): error TS2339: Property 'name' does not exist on type",
    );
    expect(stdout).to.contain("services/caller/src/dropped.ts(5,103): error TS2322: Type '409' is not assignable");
    expect(stdout).to.not.match(/^services\/(?!caller)|kept/m);
  });
});
