import { ServiceClient } from '@stand/chassis/client';
import { type AppWithDatabase, startAppWithDatabase } from '../../../test/setup/app.ts';
import type { TestDatabase } from '../../../test/setup/database.ts';
import { createApp } from '../src/app.ts';

export const startOrders = (database: TestDatabase, catalogUrl: string): Promise<AppWithDatabase> =>
  startAppWithDatabase(database, (given) => createApp({ ...given, catalog: new ServiceClient('catalog', catalogUrl) }));
