/** Logs what its arguments say, then exits, waits for ever, or lets no event run any more. */
import { COMPLETED, createLogger } from '../src/logger.ts';

const [end, ...messages] = process.argv.slice(2);
const logger = createLogger('fixture');
for (const message of messages) logger.info(message === 'request' ? COMPLETED : message);

if (end === 'exit') process.exit();
if (end === 'wait') setInterval(() => {}, 60_000);
if (end === 'hang') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
