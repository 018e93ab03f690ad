import { databaseVariables, loadConfig, serverVariables } from '@stand/chassis/config';
import { createPool } from '@stand/chassis/database';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import { createFixture } from './fixture.ts';

run('fixture', (logger) => {
  const config = loadConfig({ ...serverVariables, ...databaseVariables });
  const pool = createPool(config, logger);
  const health = createHealth({ logger, check: () => pool.query('select 1') });
  serve({ app: createFixture({ logger, health, pool }), port: config.PORT, logger, health, close: () => pool.end() });
});
