import { randomUUID } from 'node:crypto';
import { type Answer, type Sent, send } from '../../../test/setup/http.ts';
import type { Shop } from './shop.ts';

/** An answer, without what differs each time. */
export interface Told {
  part: keyof Shop;
  method: string;
  path: string;
  status: number;
  headers: Record<string, string>;
  body: string;
}

const UUID = /[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/gi;
/** What differs between any two answers. */
const PASSING: [what: RegExp, name: string][] = [
  [UUID, 'UUID'],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/(?<="(id|productId)":|\/products\/)\d+/g, 'ID'],
];
/** Of when, of which file, of a body with such things in it, and of the connection, which in development is nodemon's. */
const PASSING_HEADERS = ['date', 'last-modified', 'etag', 'content-length', 'connection', 'keep-alive'];

/** What the shop's APIs answer to requests of all kinds: the same wherever it runs. Makes a product and orders. */
export async function tell(shop: Shop): Promise<Told[]> {
  const mark = randomUUID();
  const told: Told[] = [];
  const ask = async (part: keyof Shop, method: string, path: string, sent: Sent = {}): Promise<Answer> => {
    const answer = await send(shop[part] + path, { method, ...sent });
    told.push({ part, method, path: normalize(path), ...tellOf(answer) });
    return answer;
  };
  const normalize = (text: string): string =>
    PASSING.reduce((rest, [what, name]) => rest.replace(what, name), text.replaceAll(mark, 'MARK'));
  const tellOf = ({ status, headers, text }: Answer) => {
    const kept = [...headers].filter(([name]) => !PASSING_HEADERS.includes(name));
    const normalized = kept.map(([name, value]) => [name, normalize(value)] as const);
    return { status, headers: Object.fromEntries(normalized), body: normalize(text) };
  };

  const product = { sku: mark, name: `Contract ${mark}`, priceCents: 250, stock: 5 };
  const made = (await ask('catalog', 'POST', '/products', { body: product })).body;
  await ask('catalog', 'POST', '/products', { body: product });
  const items = [{ productId: made.id, quantity: 2 }];
  const headers = { 'idempotency-key': mark };
  const order = (await ask('gateway', 'POST', '/api/orders', { headers, body: { items } })).body;
  await ask('gateway', 'POST', '/api/orders', { headers, body: { items } });
  await ask('gateway', 'POST', '/api/orders', { headers, body: { items: [{ ...items[0], quantity: 1 }] } });
  await ask('orders', 'POST', '/orders', { body: { items: [{ ...items[0], quantity: 99 }] } });
  await ask('orders', 'POST', '/orders', { body: { items: [{ productId: 2_147_483_647, quantity: 1 }] } });

  for (const path of [`/products/${made.id}`, `/products?search=${mark}`, '/products?limit=x', '/products/x'])
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PATCH']) {
      await ask('catalog', method, path);
      await ask('gateway', method, `/api/catalog${path}`);
    }
  for (const path of [`/orders/${order.id}`, '/orders/x', `/orders/${randomUUID()}`, '/orders?limit=1&limit=2'])
    for (const [part, prefix] of [
      ['orders', ''],
      ['gateway', '/api'],
    ] as const)
      await ask(part, 'GET', prefix + path);
  for (const body of BODIES)
    for (const [part, method, path] of [
      ['gateway', 'POST', '/api/orders'],
      ['orders', 'POST', '/orders'],
      ['catalog', 'POST', '/products'],
      ['catalog', 'PUT', `/products/${made.id}/stock`],
      ['catalog', 'PUT', `/reservations/${randomUUID()}`],
    ] as const)
      await ask(part, method, path, { body });
  await ask('orders', 'POST', '/orders', { headers: { 'content-type': 'text/plain' }, body: 'text' });
  await ask('orders', 'POST', '/orders', { headers: { 'idempotency-key': 'x'.repeat(256) }, body: { items } });

  const reservation = `/reservations/${randomUUID()}`;
  await ask('catalog', 'PUT', reservation, { body: { items } });
  await ask('catalog', 'DELETE', reservation);
  await ask('catalog', 'PUT', reservation, { body: { items } });
  await ask('catalog', 'DELETE', '/reservations/x');
  await ask('catalog', 'PUT', `/products/${made.id}/stock`, { body: { stock: 0 } });
  await ask('catalog', 'PUT', '/products/2147483647/stock', { body: { stock: 0 } });

  for (const part of ['gateway', 'catalog', 'orders'] as const)
    for (const path of ['/openapi.json', '/nothing', '/%', '/..%5cmetrics', '/OpenAPI.json/'])
      await ask(part, 'GET', path);
  await ask('gateway', 'GET', '/api/status');
  await ask('orders', 'GET', '/orders?limit=101');
  await ask('gateway', 'GET', '/');
  await ask('gateway', 'GET', '/shop.js');
  return told;
}

const BODIES: unknown[] = [
  '{',
  'null',
  [],
  {},
  { items: [], more: 1 },
  { items: [{ productId: 0, quantity: 100 }, { productId: '1' }] },
  { sku: '', name: 'a\0b', priceCents: -1, stock: 1.5 },
  { items: 'x'.repeat(100 * 1024) },
];

/** Where two shops differ, a line for each answer. */
export const differences = (told: Told[], others: Told[]): string =>
  told.flatMap((one, at) => differencesOf(one, others[at]) || []).join('\n');

function differencesOf(one: Told, other: Told | undefined): string {
  const fieldsOf = ({ headers, ...fields }: Told): Record<string, unknown> => ({ ...headers, ...fields });
  const [mine, its] = [fieldsOf(one), other ? fieldsOf(other) : {}];
  const names = Object.keys({ ...mine, ...its }).filter((name) => mine[name] !== its[name]);
  return names.map((name) => `${one.method} ${one.path}: ${name} ${mine[name]} ≠ ${its[name]}`).join(', ');
}
