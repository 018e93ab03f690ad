import { ServiceClient } from '@stand/chassis/client';
import { loadConfig, serverVariables, serviceUrl, urlSuchAs } from '@stand/chassis/config';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import * as v from 'valibot';
import { createApp } from './app.ts';

run('gateway', (logger) => {
  const config = loadConfig({
    ...serverVariables,
    CATALOG_URL: serviceUrl,
    ORDERS_URL: v.optional(serviceUrl),
    TRACES_URL: v.optional(urlSuchAs('http://localhost:16686')),
  });
  const health = createHealth({ logger, port: config.MANAGEMENT_PORT });
  const catalog = new ServiceClient('catalog', config.CATALOG_URL);
  const orders = config.ORDERS_URL ? new ServiceClient('orders', config.ORDERS_URL) : undefined;
  const app = createApp({ catalog, orders, tracesUrl: config.TRACES_URL, logger, health });
  serve({ app, port: config.PORT, logger, health });
});
