import { type ApiOf, api } from '@stand/chassis/api';
import { chassis, type Given } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import type { Pool } from 'pg';
import { items } from './items.ts';

export type Api = ApiOf<typeof items>;

export function createApp({ pool, ...given }: Given & { pool: Pool }): Express {
  const app = express();
  app.use(chassis(given));
  app.use(api({ title: 'NAME', version: '1.0.0' }, items(pool)));
  app.use(notFound, problemHandler);
  return app;
}
