import { type ApiOf, api } from '@stand/chassis/api';
import { chassis, type Given } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import type { Pool } from 'pg';
import { products } from './products.ts';
import { reservations } from './reservations.ts';

const routes = (pool: Pool) => [...products(pool), ...reservations(pool)];
export type Api = ApiOf<typeof routes>;

export function createApp({ pool, ...given }: Given & { pool: Pool }): Express {
  const app = express();
  app.use(chassis(given));
  app.use(api({ title: 'catalog', version: '1.0.0' }, routes(pool)));
  app.use(notFound, problemHandler);
  return app;
}
