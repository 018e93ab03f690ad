import { route } from '@stand/chassis/api';
import { Problem } from '@stand/chassis/problem';
import { text } from '@stand/chassis/schema';
import type { Pool } from 'pg';
import * as v from 'valibot';

const name = text({ min: 1, max: 100 });
const NewItem = v.strictObject({ name });
const Item = v.strictObject({ id: v.number(), name });

export const items = (pool: Pool) => [
  route('GET /', { summary: 'List items', answers: { 200: v.strictObject({ items: v.array(Item) }) } }, async () => {
    const { rows } = await pool.query('select id, name from "NAME".items order by id limit 100');
    return { items: rows };
  }),

  route(
    'POST /',
    { summary: 'Create an item', body: NewItem, answers: { 201: Item, 409: 'There is one with this name' } },
    async ({ body: { name } }) => {
      const { rows } = await pool.query(
        'insert into "NAME".items (name) values ($1) on conflict (name) do nothing returning id, name',
        [name],
      );
      if (!rows[0]) throw new Problem(409, `There is an item ${name} already`);
      return rows[0];
    },
  ),
];
