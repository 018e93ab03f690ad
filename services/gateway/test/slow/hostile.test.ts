import { withClient } from '../../../../test/setup/database.ts';
import { endure } from '../../../../test/setup/hostile.ts';
import { needsServices } from '../../../../test/setup/needs.ts';
import { type RunningShop, startShop } from '../shop.ts';

const ORDER = '01890a5d-ac96-774b-bcce-b302099a8057';
const items = [{ productId: 1, quantity: 1 }];
const PRODUCTS = [
  { method: 'GET', path: '/products' },
  { method: 'GET', path: '/products/1' },
];
const ORDERS = [
  { method: 'GET', path: '/orders' },
  { method: 'GET', path: `/orders/${ORDER}` },
  { method: 'POST', path: '/orders', body: { items } },
];

describe('the shop', () => {
  needsServices('catalog', 'orders');
  let shop: RunningShop;
  before(async () => {
    shop = await startShop();
    const product = `insert into catalog.products (sku, name, price_cents, stock) values ('mug', 'Mug', 1, 100000)`;
    await withClient(shop.database, (client) => client.query(product));
  });
  after(() => shop?.close());

  it('answers hostile requests to catalog by problems that tell nothing of it, and forgets them', async () => {
    const product = { sku: 'cup', name: 'Cup', description: 'For tea', priceCents: 900, stock: 9 };
    await endure(
      shop.catalog,
      [
        ...PRODUCTS,
        { method: 'POST', path: '/products', body: product },
        { method: 'PUT', path: '/products/1/stock', body: { stock: 100_000 } },
        { method: 'PUT', path: `/reservations/${ORDER}`, body: { items } },
        { method: 'DELETE', path: `/reservations/${ORDER}` },
      ],
      500,
    );
  });

  it('answers those to orders so', () => endure(shop.orders, ORDERS, 500));

  it('answers those to gateway so', () => {
    const behind = PRODUCTS.map(({ method, path }) => ({ method, path: `/api/catalog${path}` }));
    const others = ORDERS.map((route) => ({ ...route, path: `/api${route.path}` }));
    const own = ['/', '/shop.js', '/api/status'].map((path) => ({ method: 'GET', path }));
    return endure(shop.gateway, [...behind, ...others, ...own], 500);
  });
});
