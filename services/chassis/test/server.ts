import { loadConfig, serverVariables } from '@stand/chassis/config';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import { createFixture } from './fixture.ts';

run('fixture', (logger) => {
  const { PORT: port } = loadConfig(serverVariables);
  const health = createHealth({ logger });
  const close = async (): Promise<void> => logger.info('closed');
  serve({ app: createFixture({ logger, health }), port, logger, health, close });
});
