import { type ApiOf, api } from '@stand/chassis/api';
import type { ServiceClient } from '@stand/chassis/client';
import { chassis, type Given } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import type { Pool } from 'pg';
import type { Api as Catalog } from '../../catalog/src/app.ts';
import { orders } from './orders.ts';

interface Dependencies extends Given {
  pool: Pool;
  catalog: ServiceClient<Catalog>;
}

export type Api = ApiOf<typeof orders>;

export function createApp({ pool, catalog, ...given }: Dependencies): Express {
  const app = express();
  app.use(chassis(given));
  app.use(api({ title: 'orders', version: '1.0.0' }, orders(pool, catalog)));
  app.use(notFound, problemHandler);
  return app;
}
