import { api, route } from '@stand/chassis/api';
import { loadConfig, serverVariables } from '@stand/chassis/config';
import { createHealth } from '@stand/chassis/health';
import { chassis } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import { run, serve } from '@stand/chassis/serve';
import express from 'express';
import * as v from 'valibot';

const Greeting = v.object({ name: v.string() });

const greet = route(
  'POST /greetings',
  { summary: 'Greets', body: Greeting, answers: { 201: v.object({ greeting: v.string() }) } },
  ({ body: { name } }) => ({ greeting: `Hello, ${name}` }),
);

run('greetings', (logger) => {
  const config = loadConfig(serverVariables);
  const health = createHealth({ logger, port: config.MANAGEMENT_PORT });
  const app = express();
  app.use(chassis({ logger, health }));
  app.use(api({ title: 'greetings', version: '1.0.0' }, [greet]));
  app.get('/loaded', (_req, res) => res.json(Object.keys(require.cache)));
  app.use(notFound, problemHandler);
  serve({ app, port: config.PORT, logger, health });
});
