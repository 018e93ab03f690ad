import { type AppWithDatabase, startAppWithDatabase } from '../../../test/setup/app.ts';
import type { TestDatabase } from '../../../test/setup/database.ts';
import { createApp } from '../src/app.ts';

export const startCatalog = (database: TestDatabase): Promise<AppWithDatabase> =>
  startAppWithDatabase(database, createApp);
