import { toText } from '@stand/chassis/text';
import { expect } from 'chai';
import fc from 'fast-check';

const ID = '1a2b3c4d-0000-4000-8000-000000000000';
const FOLDER = '/clone/services/orders';
const time = new Date(2026, 0, 2, 3, 4, 5, 6).toISOString();
const at = '03:04:05.006';
const request = { requestId: ID, req: { method: 'GET', url: '/products?size=2' } };

/** Whose stack goes from a package through ours to Node.js. */
const error = {
  type: 'TypeError',
  message: 'no price',
  stack: [
    'TypeError: no price',
    '    at parse (/clone/node_modules/pg/lib/parser.js:9:1)',
    '    at priceOf (/clone/services/orders/src/prices.ts:12:5)',
    '    at Array.map (<anonymous>)',
    '    at async /clone/services/chassis/src/body.ts:3:7',
    '    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
  ].join('\n'),
};
const frames = `
    at priceOf (src/prices.ts:12:5)
    at async ../chassis/src/body.ts:3:7
    at parse (node_modules/pg/lib/parser.js:9:1)
    at Array.map (<anonymous>)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)`;

type Case = [event: Record<string, unknown>, text: string];

const events: Record<string, Case> = {
  'what a service says': [{ level: 'info', msg: 'listening', port: 8081 }, `${at} INFO  listening  port=8081`],
  'a request that went well': [
    { level: 'info', ...request, res: { statusCode: 200 }, responseTime: 6, msg: 'request completed' },
    `${at} INFO  request completed  GET /products?size=2 200 6 ms  1a2b3c4d`,
  ],
  'one that failed, with its error': [
    { level: 'error', ...request, res: { statusCode: 500 }, responseTime: 0, err: error, msg: 'request failed' },
    `${at} ERROR request failed  GET /products?size=2 500 0 ms  1a2b3c4d  TypeError: no price${frames}`,
  ],
  'one that was given up': [
    { level: 'info', ...request, res: { statusCode: 499 }, responseTime: 1200, msg: 'request aborted' },
    `${at} INFO  request aborted  GET /products?size=2 499 1200 ms  1a2b3c4d`,
  ],
  'one that never became one': [
    {
      level: 'info',
      requestId: ID,
      res: { statusCode: 400 },
      reason: 'Parse Error: Invalid method',
      msg: 'request refused',
    },
    `${at} INFO  request refused  400  1a2b3c4d  reason="Parse Error: Invalid method"`,
  ],
  'a warning with fields': [
    {
      level: 'warn',
      requestId: 'mine',
      ...{ connections: 2, done: false, none: null, empty: '', text: 'a=b', path: 'C:\\x', quote: 'say "x"' },
      ...{ list: [1, 'two words'], map: { key: 'x' }, nothing: {} },
      msg: 'closing',
    },
    `${at} WARN  closing  mine  connections=2 done=false none=null empty="" text="a=b" path=C:\\x quote="say \\"x\\"" list=[1,"two words"] map={"key":"x"} nothing={}`,
  ],
  'a reason that the message ends with': [
    { level: 'warn', reason: 'no route', msg: 'not ready: no route' },
    `${at} WARN  not ready: no route`,
  ],
  'other fields that the message ends with, which may be about something else': [
    { level: 'info', attempt: 3, max: 3, other: '3', msg: 'retry: 3' },
    `${at} INFO  retry: 3  attempt=3 max=3 other=3`,
  ],
  'a fatal error that the message says, but for its kind': [
    { level: 'fatal', err: error, msg: 'no price' },
    `${at} FATAL no price  TypeError${frames}`,
  ],
  'one of no special kind': [
    { level: 'error', err: { ...error, type: 'Error' }, msg: 'failed: no price' },
    `${at} ERROR failed: no price${frames}`,
  ],
  'one that says nothing': [
    { level: 'error', err: { type: 'RangeError', message: '', stack: 'RangeError\n    at x (/a.ts:1:2)' }, msg: '' },
    `${at} ERROR  RangeError\n    at x (/a.ts:1:2)`,
  ],
  'one whose stack alone says where': [
    { level: 'error', err: { type: 'Error', message: 'x', stack: 'Only in the stack: src/a.ts:5' }, msg: 'failed' },
    `${at} ERROR failed  Error: x\n    Only in the stack: src/a.ts:5`,
  ],
  'one whose message looks like a stack': [
    {
      level: 'error',
      err: {
        type: 'TypeError',
        message: 'one\n    at fake (a.ts:1:1)\nthree',
        stack: 'TypeError [ERR_X]: one\n    at fake (a.ts:1:1)\nthree\n    at x (/b.ts:1:2)',
      },
      msg: 'failed',
    },
    `${at} ERROR failed  TypeError: one
        at fake (a.ts:1:1)
    three
    at x (/b.ts:1:2)`,
  ],
  'an error that has fields, as PostgreSQL’s have, and a message of two lines': [
    {
      level: 'error',
      err: {
        type: 'DatabaseError',
        message: 'duplicate\nkey',
        stack: '',
        length: 123,
        code: '23505',
        detail: 'Key (id)=(1) exists.',
        file: 'nbtinsert.c',
        line: '664',
        routine: '_bt_check_unique',
      },
      msg: 'failed\nafter the answer',
    },
    `${at} ERROR failed  DatabaseError: duplicate
    after the answer
    key
    code=23505 detail="Key (id)=(1) exists."`,
  ],
  'an error with causes, their fields, and what was no error': [
    {
      level: 'error',
      err: {
        type: 'Problem',
        message: 'catalog is away',
        stack: 'Error: catalog is away\n    at ask (/clone/services/orders/src/orders.ts:1:2)',
        cause: {
          type: 'TypeError',
          message: 'fetch failed',
          stack: 'TypeError: fetch failed\n    at fetch (node:internal/deps/undici/undici:1:2)',
          cause: {
            type: 'Error',
            message: 'refused',
            stack: 'Error: refused',
            code: 'ECONNREFUSED',
            cause: 'no route',
          },
        },
      },
      msg: 'request failed',
    },
    `${at} ERROR request failed  Problem: catalog is away
    at ask (src/orders.ts:1:2)
    caused by: TypeError: fetch failed
        at fetch (node:internal/deps/undici/undici:1:2)
        caused by: Error: refused
            code=ECONNREFUSED cause="no route"`,
  ],
  'an error of several, as a cause': [
    {
      level: 'fatal',
      err: {
        type: 'TypeError',
        message: 'fetch failed',
        stack: 'TypeError: fetch failed',
        cause: { type: 'AggregateError', message: '', stack: 'AggregateError', aggregateErrors: [error] },
      },
      msg: 'fetch failed',
    },
    `${at} FATAL fetch failed  TypeError
    caused by: AggregateError
        TypeError: no price${frames.replaceAll('\n', '\n        ')}`,
  ],
  'errors under any key': [
    { level: 'warn', reason: error, tried: [error], n: 1, msg: 'failed: no price' },
    `${at} WARN  failed: no price  n=1
    reason: TypeError: no price${frames.replaceAll('\n', '\n    ')}
    tried: TypeError: no price${frames.replaceAll('\n', '\n    ')}`,
  ],
  'what looks like the fields of a request and is none': [
    { level: 'info', req: 'a b', res: { statusCode: 200, size: 3 }, err: 'none', msg: 'odd' },
    `${at} INFO  odd  200  req={"value":"a b"} res={"size":3}\n    value=none`,
  ],
  'what would drive a terminal or forge a line': [
    {
      level: 'info',
      requestId: 'x\n03:04:05.006 FATAL forged',
      req: { method: 'GET', url: '/\x1b[2J\x9b2J\r\n\u2028' },
      agent: '\x1b]0;title\x07',
      '\x1b[2J\n': { '\x7f': '\u202egnp.exe' },
      msg: 'hello\x1b[31m\n03:04:05.006 FATAL forged',
    },
    `${at} INFO  hello\\u001b[31m  GET /\\u001b[2J\\u009b2J\\u000d\\u000a\\u2028  "x\\n03:04:05.006 FATAL forged"  agent="\\u001b]0;title\\u0007" "\\u001b[2J\\n"={"\\u007f":"\\u202egnp.exe"}
    03:04:05.006 FATAL forged`,
  ],
};

describe('text for people', () => {
  const look = { colours: false, folder: FOLDER };
  const write = (event: object): string => JSON.stringify({ time, service: 'orders', ...event });

  for (const [what, [event, text]] of Object.entries(events))
    it(`shows ${what}`, () => expect(toText(write(event), look)).to.equal(text));

  it('leaves what is no event as it is', () => {
    for (const line of ['', 'Debugger listening', '{"level":', '42', 'null', '["level"]', '{"msg":"x"}', '    at x'])
      expect(toText(line, look)).to.equal(line);
  });

  it('shows an event without a time, as a program in another language may log it, or with pino’s own', () => {
    expect(toText('{"level":"info","msg":"x"}', look)).to.equal('INFO  x');
    expect(toText('{"level":"info","time":"soon","msg":"x"}', look)).to.equal('INFO  x');
    expect(toText(`{"level":30,"time":${Date.parse(time)},"msg":"x"}`, look)).to.equal(`${at} 30    x`);
  });

  it('has colours only where they are shown: of the level, of a status, and none of what stands back', () => {
    const failed = { level: 'error', ...request, res: { statusCode: 500 }, n: 1, err: error, msg: 'request failed' };
    const text = toText(write(failed), { colours: true, folder: FOLDER });
    const [dim, red, end, plain] = ['\x1b[2m', '\x1b[31m', '\x1b[39m', '\x1b[22m'];
    expect(text.split('\n').slice(0, 4)).to.deep.equal([
      `${dim}${at}${plain} ${red}ERROR${end} request failed  GET /products?size=2 ${red}500${end}  ${dim}1a2b3c4d${plain}  ` +
        `${red}TypeError: no price${end}  ${dim}n=${plain}1`,
      '    at priceOf (src/prices.ts:12:5)',
      '    at async ../chassis/src/body.ts:3:7',
      `    ${dim}at parse (node_modules/pg/lib/parser.js:9:1)${plain}`,
    ]);
  });

  it('is one line and indented ones of visible characters, whatever is in an event', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('\n', '\r', '\x1b', '\x9b', '\u2028', '\u202e', ' ', '"', '=', 'a', ':'),
    });
    const text = fc.oneof(hostile, fc.string({ unit: 'binary' }), fc.constant('\n    at x (/a.ts:1:1)\ncaused by: '));
    const oddity = fc.constantFrom({ toString: 1, valueOf: 1 }, 1e300, null, [], {});
    const anything = fc.oneof(text, oddity, fc.jsonValue({ stringUnit: 'binary' }), fc.dictionary(text, text));
    const key = fc.oneof(fc.constantFrom('time', 'msg', 'requestId', 'responseTime', 'req', 'res'), text);
    const error = { type: text, message: text, stack: text };
    const err = fc.record({ ...error, aggregateErrors: anything, cause: fc.record(error) }, { requiredKeys: [] });
    fc.assert(
      fc.property(fc.dictionary(key, anything), anything, fc.oneof(err, anything), (fields, level, err) => {
        const shown = toText(JSON.stringify({ ...fields, level, err }), look);
        expect(shown).to.match(/^[^\n]*(\n {4}[^\n]*)*$/);
        expect(shown.replaceAll('\n', '')).to.not.match(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      }),
    );
  });
});
