import { type ApiOf, api, route } from '@stand/chassis/api';
import { chassis, type Given } from '@stand/chassis/middleware';
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

export function createApp(given: Given): Express {
  const app = express();
  app.use(chassis(given));
  app.use(api({ title: 'NAME', version: '1.0.0' }, routes()));
  app.use(notFound, problemHandler);
  return app;
}
