import { databaseVariables, loadConfig, serverVariables } from '@stand/chassis/config';
import { openDatabase } from '@stand/chassis/database';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import { createFixture } from './fixture.ts';

run('fixture', (logger) => {
  const config = loadConfig({ ...serverVariables, ...databaseVariables });
  const { pool, check, close } = openDatabase(config, logger);
  const health = createHealth({ logger, port: config.MANAGEMENT_PORT, check });
  serve({ app: createFixture({ logger, health, pool }), port: config.PORT, logger, health, close });
});
