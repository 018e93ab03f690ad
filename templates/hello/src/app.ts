import { join } from 'node:path';
import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';

/** The page, and what it asks for. */
export function createApp({ logger, health }: { logger: Logger; health: Health }): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.get('/api/greeting', (_req, res) => {
    res.json({ greeting: 'Hello, world' });
  });
  app.use(express.static(join(__dirname, '../public'), { redirect: false }));
  app.use(notFound, problemHandler);
  return app;
}
