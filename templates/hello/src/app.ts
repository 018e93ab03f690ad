import { join } from 'node:path';
import { type ApiOf, api, route } from '@stand/chassis/api';
import { chassis, type Given } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import * as v from 'valibot';

const Greeting = v.strictObject({ greeting: v.string() });

const routes = () => [
  route('GET /api/greeting', { summary: 'Greet', answers: { 200: Greeting } }, () => ({ greeting: 'Hello, world' })),
];
export type Api = ApiOf<typeof routes>;

/** The page, and what it asks for. */
export function createApp(given: Given): Express {
  const app = express();
  app.use(chassis(given));
  app.use(api({ title: 'NAME', version: '1.0.0' }, routes()));
  app.use(express.static(join(__dirname, '../public'), { redirect: false }));
  app.use(notFound, problemHandler);
  return app;
}
