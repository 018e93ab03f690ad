import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import express, { type Express, type RequestHandler, Router } from 'express';
import { loadDefaults } from '../../scripts/facts/values.ts';
import { documentFile, openapiDocuments, withApps } from '../../scripts/services/openapi.ts';
import { lint } from '../setup/openapi.ts';

/** Of the chassis. */
const OWN = ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs{/{file}}'];

interface Layer {
  route?: { path: string | RegExp | (string | RegExp)[]; methods: Record<string, boolean> };
  handle: { stack?: Layer[] };
}

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

/** The routes that an app has, such as `get /orders/{id}`; Express does not tell where a router in it is mounted. */
function routesOf(stack: Layer[]): string[] {
  return stack.flatMap(({ route, handle }) => {
    if (!route) return routesOf(handle.stack ?? []);
    const paths = [route.path].flat().map((path) => String(path).replace(/:(\w+)/g, '{$1}'));
    const methods = Object.keys(route.methods);
    return paths.flatMap((path) => (OWN.includes(path) ? [] : methods.map((method) => `${method} ${path}`)));
  });
}

const stackOf = (app: Express): Layer[] => app.router.stack as unknown as Layer[];

describe('the documents of the APIs', () => {
  let texts: Record<string, string | null>;
  let routes: Map<string, string[]>;
  before(async () => {
    texts = await openapiDocuments();
    routes = await withApps(async (_, apps) => new Map([...apps].map(([name, app]) => [name, routesOf(stackOf(app))])));
  });

  const files = Object.keys(loadDefaults().services).map((name) => [name, documentFile(name)] as const);
  for (const [name, file] of files.filter(([, file]) => existsSync(file))) {
    it(`${file} is current`, () => {
      // One that the service brings along itself is checked by its own tests.
      if (file in texts) expect(readFileSync(file, 'utf8'), 'run make docs').to.equal(texts[file]);
    });

    it(`${file} is valid`, async () => {
      expect(await lint(file)).to.deep.equal([]);
    });

    it(`${file} has each route of ${name}`, () => {
      const documented = Object.entries<object>(read(file).paths).flatMap(([path, operations]) =>
        Object.keys(operations).map((method) => `${method} ${path}`),
      );
      const missing = (routes.get(name) ?? []).filter((route) => !documented.includes(route));
      expect(missing, 'write them by route() of @stand/chassis/api').to.deep.equal([]);
    });
  }

  it('are missed for a plain route, also for one in a router', () => {
    const plain: RequestHandler = (_req, res) => void res.end();
    const app = express()
      .get('/plain/:id', plain)
      .use('/within', Router().post(['/a', /b/], plain));
    expect(routesOf(stackOf(app))).to.deep.equal(['get /plain/{id}', 'post /a', 'post /b/']);
  });

  it('are there for each service on the chassis', () => {
    expect(
      Object.keys(texts).filter((file) => texts[file] !== null && !existsSync(file)),
      'run make docs',
    ).to.deep.equal([]);
  });
});
