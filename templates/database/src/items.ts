import { Problem, parse } from '@stand/chassis/problem';
import { Router } from 'express';
import type { Pool } from 'pg';
import * as v from 'valibot';

// PostgreSQL's text can't hold a NUL character.
const name = v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(100), v.regex(/^[^\0]*$/, 'must not contain NUL'));
const NewItem = v.strictObject({ name });

/** Items: list, create. */
export function items(pool: Pool): Router {
  const router = Router();

  router.get('/', async (_req, res) => {
    const { rows } = await pool.query('select id, name from "NAME".items order by id limit 100');
    res.json({ items: rows });
  });

  router.post('/', async (req, res) => {
    const item = parse(NewItem, req.body);
    const { rows } = await pool.query(
      'insert into "NAME".items (name) values ($1) on conflict (name) do nothing returning id, name',
      [item.name],
    );
    if (!rows[0]) throw new Problem(409, `There is an item ${item.name} already`);
    res.status(201).json(rows[0]);
  });

  return router;
}
