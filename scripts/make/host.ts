/** make dev, where dev.sh has chosen host mode: ENV, SERVICES and DEBUG. */
import { runHostMode } from '../host/host.ts';
import { run } from '../machine/terminal.ts';
import { argument, flagArgument, listArgument } from '../stand/arguments.ts';

run(() =>
  runHostMode({
    environment: argument('ENV') || 'local',
    services: listArgument('SERVICES'),
    debug: flagArgument('DEBUG'),
  }),
);
