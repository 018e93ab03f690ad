import { ServiceClient } from '@stand/chassis/client';
import { databaseVariables, loadConfig, serverVariables, serviceUrl } from '@stand/chassis/config';
import { openDatabase } from '@stand/chassis/database';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import { createApp } from './app.ts';
import { startRecovery } from './recovery.ts';

run('orders', (logger) => {
  const config = loadConfig({ ...serverVariables, ...databaseVariables, CATALOG_URL: serviceUrl });
  const database = openDatabase(config, logger);
  const { pool, check } = database;
  const health = createHealth({ logger, port: config.MANAGEMENT_PORT, check });
  const catalog = new ServiceClient('catalog', config.CATALOG_URL);
  const app = createApp({ pool, catalog, logger, health });
  const recovery = startRecovery({ pool, catalog, logger });
  const close = (): Promise<void> => {
    recovery.stop();
    return database.close();
  };
  serve({ app, port: config.PORT, logger, health, close });
});
