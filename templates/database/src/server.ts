import { databaseVariables, loadConfig, serverVariables } from '@stand/chassis/config';
import { createPool } from '@stand/chassis/database';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import { createApp } from './app.ts';

run('NAME', (logger) => {
  const config = loadConfig({ ...serverVariables, ...databaseVariables });
  const pool = createPool(config, logger);
  const health = createHealth({ logger, check: () => pool.query('select 1') });
  serve({ app: createApp({ pool, logger, health }), port: config.PORT, logger, health, close: () => pool.end() });
});
