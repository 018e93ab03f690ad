import type { ServiceClient } from '@stand/chassis/client';
import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import type { Pool } from 'pg';
import { orders } from './orders.ts';

interface Dependencies {
  pool: Pool;
  catalog: ServiceClient;
  logger: Logger;
  health: Health;
}

export function createApp({ pool, catalog, logger, health }: Dependencies): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.use('/orders', orders(pool, catalog));
  app.use(notFound, problemHandler);
  return app;
}
