import { route } from '@stand/chassis/api';
import { Problem } from '@stand/chassis/problem';
import { count, MAX_INTEGER, numeral, text } from '@stand/chassis/schema';
import type { Pool } from 'pg';
import * as v from 'valibot';

const columns = 'id, sku, name, description, price_cents as "priceCents", stock';

const MAX_CENTS = 100_000_000;
const MAX_STOCK = 1_000_000;

const Search = v.object({
  search: v.optional(text({ max: 100 }), ''),
  limit: numeral({ min: 1, max: 100, fallback: 100 }),
});
const Id = v.object({ id: numeral({ max: MAX_INTEGER }) });
const Stock = v.strictObject({ stock: count({ max: MAX_STOCK }) });
const fields = {
  sku: v.pipe(text({ min: 1, max: 40 }), v.examples(['CUP-1'])),
  name: v.pipe(text({ min: 1, max: 100 }), v.examples(['Enamel cup'])),
  description: text({ max: 1000 }),
  priceCents: count({ max: MAX_CENTS }),
  ...Stock.entries,
};
const { description, stock } = fields;
const NewProduct = v.strictObject({ ...fields, description: v.optional(description, ''), stock: v.optional(stock, 0) });
const Product = v.strictObject({ id: count({ max: MAX_INTEGER }), ...fields });

const List = {
  summary: 'List and search',
  query: Search,
  answers: { 200: v.strictObject({ products: v.array(Product) }) },
};
const Get = { summary: 'Get one', params: Id, answers: { 200: Product, 404: 'There is no such product' } };
const Create = {
  summary: 'Create one',
  body: NewProduct,
  answers: { 201: Product, 409: 'There is one with this SKU' },
};
const SetStock = { summary: 'Set the stock', params: Id, body: Stock, answers: Get.answers };

export const products = (pool: Pool) => [
  route('GET /products', List, async ({ query: { search, limit } }) => {
    const { rows } = await pool.query(
      `select ${columns} from catalog.products
       where name ilike $1 or description ilike $1 order by name, id limit $2`,
      [`%${search.replace(/[\\%_]/g, '\\$&')}%`, limit],
    );
    return { products: rows };
  }),

  route('GET /products/:id', Get, async ({ params: { id } }) => {
    const { rows } = await pool.query(`select ${columns} from catalog.products where id = $1`, [id]);
    return rows[0] ?? missing(id);
  }),

  route('POST /products', Create, async ({ body: { sku, name, description, priceCents, stock }, res }) => {
    const { rows } = await pool.query(
      `insert into catalog.products (sku, name, description, price_cents, stock) values ($1, $2, $3, $4, $5)
       on conflict (sku) do nothing returning ${columns}`,
      [sku, name, description, priceCents, stock],
    );
    if (!rows[0]) throw new Problem(409, `There is a product with the SKU ${sku} already`);
    res.location(`/products/${rows[0].id}`);
    return rows[0];
  }),

  route('PUT /products/:id/stock', SetStock, async ({ params: { id }, body: { stock } }) => {
    const query = `update catalog.products set stock = $2 where id = $1 returning ${columns}`;
    const { rows } = await pool.query(query, [id, stock]);
    return rows[0] ?? missing(id);
  }),
];

function missing(id: number): never {
  throw new Problem(404, `There is no product ${id}`);
}
