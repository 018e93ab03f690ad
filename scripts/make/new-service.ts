/** make new-service NAME=payments [DATABASE=1] */
import { writeDocuments } from '../chart/reference.ts';
import { argument, flagArgument } from '../facts/arguments.ts';
import { hostPort } from '../facts/ports.ts';
import { run } from '../machine/terminal.ts';
import { createService } from '../services/create.ts';
import { folder } from '../services/folders.ts';

run(async () => {
  const name = argument('NAME');
  const port = flagArgument('DATABASE') ? createService(name, 'service', 'database') : createService(name, 'service');
  await writeDocuments();
  console.log(`✓ ${folder(name)} is there, and will be at http://localhost:${hostPort(port)}`);
  console.log('  A running Tilt takes it up by itself; host mode with the next make dev.');
});
