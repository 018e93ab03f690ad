import { api } from '@stand/chassis/api';
import type { ServiceClient } from '@stand/chassis/client';
import { chassis, type Given } from '@stand/chassis/middleware';
import { notFound, problemHandler } from '@stand/chassis/problem';
import express, { type Express } from 'express';
import type { Api as Catalog } from '../../catalog/src/app.ts';
import type { Api as Orders } from '../../orders/src/app.ts';
import { forward } from './forward.ts';
import { status } from './status.ts';

interface Dependencies extends Given {
  catalog: ServiceClient<Catalog>;
  /** Undefined where this service is switched off. */
  orders: ServiceClient<Orders> | undefined;
  /** Where people look at traces; undefined where there are none. */
  tracesUrl: string | undefined;
}

/** The page, and the public API. The folder `public` is looked for in the working directory. */
export function createApp({ catalog, orders, tracesUrl, ...given }: Dependencies): Express {
  const app = express();
  app.use(chassis(given));
  app.use(
    api({ title: 'gateway', version: '1.0.0' }, [
      status(
        {
          catalog: { service: catalog, path: '/products?limit=1' },
          orders: { service: orders, path: '/orders?limit=1' },
        },
        tracesUrl,
      ),
      ...forward(catalog, '/api/catalog', 'GET /products', 'GET /products/:id'),
      ...forward(orders, '/api', 'GET /orders', 'GET /orders/:id', 'POST /orders'),
    ]),
  );
  app.use(express.static('public', { redirect: false }));
  app.use(notFound, problemHandler);
  return app;
}
