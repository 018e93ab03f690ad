import type { SpawnSyncReturns } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { resolve } from 'node:path';
import { type AnyRoute, api } from '@stand/chassis/api';
import { chassis } from '@stand/chassis/middleware';
import { problemHandler } from '@stand/chassis/problem';
import { expect } from 'chai';
import express from 'express';
import type { Pool } from 'pg';
import { copyTemplates } from '../../scripts/services/templates.ts';
import { type App, startApp } from '../setup/app.ts';
import { Copy } from '../setup/copy.ts';
import { send } from '../setup/http.ts';
import { needsServices } from '../setup/needs.ts';

/** A service's file that asks another one for what the template of those with tables offers. */
const callerOf = (callee: string): string => `import type { ServiceClient } from '@stand/chassis/client';
import type { Api } from '../../${callee}/src/app.ts';

export async function make(callee: ServiceClient<Api>, name: string): Promise<string> {
  const { status, body } = await callee.ask('POST /', { body: { name }, requestId: '1', expect: [201, 409] });
  if (status === 409) return body.detail;
  return body.name.toUpperCase();
}
`;

function emptyCopy(): Copy {
  const copy = new Copy('tsconfig.json');
  symlinkSync(resolve('node_modules'), copy.at('node_modules'));
  return copy;
}

const check = (copy: Copy): string => copy.run('npx', ['tsc', '--noEmit']).stdout;

describe('a change of a contract', () => {
  let copy: Copy;
  before(() => {
    copy = emptyCopy();
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
    const red = check(copy);
    expect(red).to.contain(
      "services/caller/src/renamed.ts(7,15): error TS2339: Property 'name' does not exist on type",
    );
    expect(red).to.contain("services/caller/src/dropped.ts(5,103): error TS2322: Type '409' is not assignable");
    expect(red).to.not.match(/^services\/(?!caller)|kept/m);
  });
});

describe('a service that its callers can do without', function () {
  this.timeout(300_000);
  needsServices('gateway', 'catalog', 'orders');
  let copy: Copy;
  before(() => {
    copy = new Copy();
    symlinkSync(resolve('node_modules'), copy.at('node_modules'));
  });
  after(() => copy.remove());

  const run = (script: string, ...variables: string[]): SpawnSyncReturns<string> => {
    const node = ['node', '--conditions=source', '--require', 'ts-node/register', `scripts/make/${script}.ts`];
    return copy.run('env', [...variables, ...node], 'exit 0');
  };

  it('can be removed, and all types still fit', () => {
    const { status, stderr } = run('remove-service', 'NAME=orders', 'YES=1');
    expect(stderr).to.equal('');
    expect(status).to.equal(0);
    expect(check(copy)).to.equal('');
    expect(JSON.parse(copy.read('services/gateway/openapi.json')).paths).to.not.have.property('/api/orders');
  });

  it('leaves sources that lint has nothing against', () => {
    const { status, stdout } = copy.run('node_modules/.bin/biome', [
      'check',
      '--vcs-enabled=false',
      'services/gateway/src',
    ]);
    expect(status, stdout).to.equal(0);
  });

  const APP = 'services/catalog/src/app.ts';
  const ODD: Record<string, [source: string, said: RegExp | '']> = {
    'sources that start what never ends': ['setInterval(() => {}, 1000);', ''],
    'sources that end the process': ['process.exit(0);', /^✗ .* or a service ended the process$/m],
    'sources that do not compile': [
      '(',
      /^✗ catalog can't describe its API: [\s\S]*Mend services\/catalog\/src\/app\.ts/,
    ],
  };
  for (const [what, [source, said]] of Object.entries(ODD))
    it(`has its API described, or says why not, with ${what}`, () => {
      const text = copy.read(APP);
      copy.write(APP, `${text}\n${source}\n`);
      const { status, stderr } = run('docs');
      copy.write(APP, text);
      expect(status, stderr).to.equal(said ? 1 : 0);
      if (said) expect(stderr).to.match(said);
      else expect(stderr).to.equal('');
    });

  it('leaves no document of an API that it no longer describes', () => {
    const text = copy.read(APP);
    copy.write(APP, "import express from 'express';\nexport const createApp = () => express();\n");
    const file = 'services/catalog/openapi.json';
    const before = copy.read(file);
    // Gateway hands on what is no longer there, and is told so.
    copy.write('services/gateway/src/app.ts', copy.read(APP));
    expect(run('docs').stderr).to.equal('');
    expect(() => copy.read(file)).to.throw('ENOENT');
    copy.write(APP, text);
    copy.write(file, before);
  });
});

describe('the services', () => {
  it('take no source of another along, which their images would not have', () => {
    const files = readdirSync('services', { recursive: true, encoding: 'utf8' }).filter((path) =>
      /^[^/]+\/src\/.*\.ts$/.test(path),
    );
    const imports = files.flatMap((path) =>
      [...readFileSync(`services/${path}`, 'utf8').matchAll(/^(?:import|export) .*from '(\.\.\/\.\.\/.*)';$/gm)].map(
        ([line]) => `${path}: ${line}`,
      ),
    );
    expect(imports.filter((line) => !line.includes(': import type '))).to.deep.equal([]);
  });
});

describe('the service of docs/api.md', () => {
  const text = readFileSync('docs/api.md', 'utf8');
  /** What its database has. */
  let rows: object[];
  let copy: Copy;
  let app: App;
  before(async () => {
    copy = emptyCopy();
    for (const [, code = '', file = ''] of text.matchAll(/^```ts\n(\/\/ (\S+)\n.*?)^```/gms)) copy.write(file, code);
    const { payments } = await import(copy.at('services/payments/src/payments.ts'));
    const routes: AnyRoute[] = payments({ query: async () => ({ rows }) } as unknown as Pool);
    app = await startApp((given) => {
      const info = { title: 'payments', version: '1.0.0' };
      return express().use(chassis(given), api(info, routes), problemHandler);
    });
  });
  after(async () => {
    await app?.close();
    copy.remove();
  });

  it('has all types right, as its caller', () => expect(check(copy)).to.equal(''));

  it('answers as it is said there', async () => {
    const get = async (id: string) => (await send(`${app.url}/payments/${id}`)).body;
    rows = [{ cents: 7 }];
    expect(await get('1')).to.deep.equal({ cents: 7 });
    expect((await get('x')).errors[0].path).to.equal('id');
    rows = [];
    expect(await get('1')).to.include({ status: 404, detail: 'There is no payment 1' });
    rows = [{ amount: 7 }];
    const { detail } = await get('1');
    const [, promised = ''] = /500: `(.+)…`/.exec(text) ?? [];
    expect(promised).to.match(/contract: cents: $/);
    expect(detail.startsWith(promised), detail).to.equal(true);
  });
});
