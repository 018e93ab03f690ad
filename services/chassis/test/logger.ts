/** Logs what its arguments say, then ends as the first one does: exits, throws, waits for ever, lets no event run any more, or is gone. */
import { COMPLETED } from '../src/logger.ts';
import { run } from '../src/serve.ts';

const [end, ...messages] = process.argv.slice(2);

run('fixture', (logger) => {
  for (const message of messages)
    if (message === 'failed') logger.error({ err: new Error('why') }, message);
    else logger.info(message === 'request' ? COMPLETED : message);

  if (end === 'exit') process.exit();
  if (end === 'throw')
    setImmediate(() => {
      throw new Error('thrown');
    });
  if (end === 'wait') setInterval(() => {}, 60_000);
  if (end === 'abort') process.kill(process.pid, 'SIGKILL');
  if (end === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
