import { type ApiOf, api, route } from '@stand/chassis/api';
import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import * as v from 'valibot';

const Greeting = v.strictObject({ hello: v.string() });

const routes = () => [
  route('GET /', { summary: 'Say its name', answers: { 200: Greeting } }, () => {
    return { hello: 'NAME' };
  }),
];
export type Api = ApiOf<typeof routes>;

export function createApp({ logger, health }: { logger: Logger; health: Health }): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.use(api({ title: 'NAME', version: '1.0.0' }, routes()));
  app.use(notFound, problemHandler);
  return app;
}
