import { databaseVariables, loadConfig, serverVariables } from '@stand/chassis/config';
import { openDatabase } from '@stand/chassis/database';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import { createApp } from './app.ts';

run('NAME', (logger) => {
  const config = loadConfig({ ...serverVariables, ...databaseVariables });
  const { pool, check, close } = openDatabase(config, logger);
  const health = createHealth({ logger, port: config.MANAGEMENT_PORT, check });
  serve({ app: createApp({ pool, logger, health }), port: config.PORT, logger, health, close });
});
