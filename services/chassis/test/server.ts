import { loadConfig, serverVariables } from '@stand/chassis/config';
import { createHealth } from '@stand/chassis/health';
import { run, serve } from '@stand/chassis/serve';
import { createFixture } from './fixture.ts';

run('fixture', (logger) => {
  const config = loadConfig(serverVariables);
  const health = createHealth({ logger, port: config.MANAGEMENT_PORT });
  const close = async (): Promise<void> => logger.info('closed');
  const server = serve({ app: createFixture({ logger, health }), port: config.PORT, logger, health, close });
  server.on('upgrade', (_req, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.pipe(socket);
  });
});
