import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';

export function createApp({ logger, health }: { logger: Logger; health: Health }): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.get('/', (_req, res) => {
    res.json({ hello: 'NAME' });
  });
  app.use(notFound, problemHandler);
  return app;
}
