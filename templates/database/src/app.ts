import { type ApiOf, api } from '@stand/chassis/api';
import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import type { Pool } from 'pg';
import { items } from './items.ts';

export type Api = ApiOf<typeof items>;

export function createApp({ pool, logger, health }: { pool: Pool; logger: Logger; health: Health }): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.use(api({ title: 'NAME', version: '1.0.0' }, items(pool)));
  app.use(notFound, problemHandler);
  return app;
}
