import { ServiceClient } from '@stand/chassis/client';
import { type AppWithDatabase, startAppWithDatabase } from '../../../test/setup/app.ts';
import type { TestDatabase } from '../../../test/setup/database.ts';
import { createApp } from '../src/app.ts';

/** It repeats calls less patiently than in a cluster, where pods come and go. */
export function startOrders(database: TestDatabase, catalogUrl: string): Promise<AppWithDatabase> {
  const catalog = new ServiceClient('catalog', catalogUrl, [50]);
  return startAppWithDatabase(database, (given) => createApp({ ...given, catalog }));
}
