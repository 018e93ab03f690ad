import { loadConfig, serverVariables } from '@stand/chassis/config';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import { createApp } from './app.ts';

run('NAME', (logger) => {
  const config = loadConfig(serverVariables);
  const health = createHealth({ logger, port: config.MANAGEMENT_PORT });
  serve({ app: createApp({ logger, health }), port: config.PORT, logger, health });
});
