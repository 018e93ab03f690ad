import { Problem, parse } from '@stand/chassis/problem';
import { Router } from 'express';
import type { Pool } from 'pg';
import * as v from 'valibot';

const columns = 'id, sku, name, description, price_cents as "priceCents", stock';

const MAX_CENTS = 100_000_000;
const MAX_STOCK = 1_000_000;
const MAX_ID = 2_147_483_647;

// PostgreSQL's text can't hold a NUL character, and takes an É of one character for another than one of two.
const text = (max: number) =>
  v.pipe(v.string(), v.normalize('NFC'), v.trim(), v.maxLength(max), v.regex(/^[^\0]*$/, 'must not contain NUL'));
const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));

const Search = v.object({
  search: v.optional(text(100), ''),
  limit: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,3}$/), v.transform(Number), v.minValue(1), v.maxValue(100)),
    '100',
  ),
});
const Id = v.object({ id: v.pipe(v.string(), v.regex(/^\d{1,10}$/), v.transform(Number), v.maxValue(MAX_ID)) });
const Stock = v.strictObject({ stock: count(MAX_STOCK) });
const NewProduct = v.strictObject({
  sku: v.pipe(text(40), v.nonEmpty()),
  name: v.pipe(text(100), v.nonEmpty()),
  description: v.optional(text(1000), ''),
  priceCents: count(MAX_CENTS),
  stock: v.optional(count(MAX_STOCK), 0),
});

/** Products: list and search, get, create, set the stock. */
export function products(pool: Pool): Router {
  const router = Router();

  router.get('/', async (req, res) => {
    const { search, limit } = parse(Search, req.query);
    const { rows } = await pool.query(
      `select ${columns} from catalog.products
       where name ilike $1 or description ilike $1 order by name, id limit $2`,
      [`%${search.replace(/[\\%_]/g, '\\$&')}%`, limit],
    );
    res.json({ products: rows });
  });

  router.get('/:id', async (req, res) => {
    const { id } = parse(Id, req.params);
    const { rows } = await pool.query(`select ${columns} from catalog.products where id = $1`, [id]);
    res.json(rows[0] ?? missing(id));
  });

  router.post('/', async (req, res) => {
    const { sku, name, description, priceCents, stock } = parse(NewProduct, req.body);
    const { rows } = await pool.query(
      `insert into catalog.products (sku, name, description, price_cents, stock) values ($1, $2, $3, $4, $5)
       on conflict (sku) do nothing returning ${columns}`,
      [sku, name, description, priceCents, stock],
    );
    if (!rows[0]) throw new Problem(409, `There is a product with the SKU ${sku} already`);
    res.status(201).location(`/products/${rows[0].id}`).json(rows[0]);
  });

  router.put('/:id/stock', async (req, res) => {
    const { id } = parse(Id, req.params);
    const { stock } = parse(Stock, req.body);
    const { rows } = await pool.query(`update catalog.products set stock = $2 where id = $1 returning ${columns}`, [
      id,
      stock,
    ]);
    res.json(rows[0] ?? missing(id));
  });

  return router;
}

function missing(id: number): never {
  throw new Problem(404, `There is no product ${id}`);
}
