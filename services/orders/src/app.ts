import { type ApiOf, api } from '@stand/chassis/api';
import type { ServiceClient } from '@stand/chassis/client';
import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import type { Pool } from 'pg';
import type { Api as Catalog } from '../../catalog/src/app.ts';
import { orders } from './orders.ts';

interface Dependencies {
  pool: Pool;
  catalog: ServiceClient<Catalog>;
  logger: Logger;
  health: Health;
}

export type Api = ApiOf<typeof orders>;

export function createApp({ pool, catalog, logger, health }: Dependencies): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.use(api({ title: 'orders', version: '1.0.0' }, orders(pool, catalog)));
  app.use(notFound, problemHandler);
  return app;
}
