/** Logs what is hard to show, in the order of the test's table. */
import { createLogger } from '../src/logger.ts';

const logger = createLogger('fixture');
const why = (options?: ErrorOptions): Error => new Error('why', options);

logger.info({ level: 'fatal', service: 'other', time: '2020-01-01', msg: 'forged', n: 1 });
logger.info({ service: 'catalog' }, 'is slow');
logger.info(new TypeError('why'));
logger.info({ error: why(), reason: why() }, 'failed');

const several = new AggregateError([why()], '', { cause: { n: 1 } });
const cause = Object.assign(why({ cause: several }), { detail: 'Key exists' });
logger.info({ err: Object.assign(why({ cause }), { code: 'E1' }) }, 'failed');

const circle = why();
circle.cause = circle;
logger.info({ err: Object.freeze(circle) }, 'failed');
logger.info({ err: new DOMException('too slow', 'TimeoutError') }, 'failed');
