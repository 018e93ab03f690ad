import { expect } from 'chai';
import { HOST_MODE } from '../../scripts/host/output.ts';
import { inOrder, Sieve, TAKEN, type Wanted } from '../../scripts/logs/lines.ts';

const UUID = '1a2b3c4d-0000-4000-8000-000000000000';
const OTHER = '1a2b3c4d-1111-4000-8000-000000000000';
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

const json = (time: string, level: string, fields: object): string =>
  JSON.stringify({ level, time: `2026-11-28T${time}Z`, service: 'any', ...fields });

/** The texts that pass, of lines that were all taken down at 09:00:10, in order. */
function pass(wanted: Wanted, texts: [service: string, text: string][]): string[] {
  const sieve = new Sieve(wanted);
  const time = '2026-11-28T09:00:10.000000000Z';
  const lines = texts.flatMap(([service, text]) => sieve.pass({ service, stream: service, time, text }));
  return inOrder(lines).map(({ text }) => text);
}

describe('the lines of services', () => {
  describe('of one request', () => {
    const mine = [
      json('09:00:09.500', 'info', { requestId: UUID, msg: 'request completed' }),
      `09:00:09.600 INFO  request completed  GET /orders 200 6 ms  1a2b3c4d`,
      '\x1b[2m09:00:09.700\x1b[22m \x1b[31mERROR\x1b[39m request failed  GET /orders 500 6 ms  \x1b[2m1a2b3c4d\x1b[22m',
      '    at charge (src/app.ts:12:3)',
    ];
    const others = [
      json('09:00:09.000', 'info', { requestId: 'beef', msg: 'request completed' }),
      '09:00:09.000 INFO  request completed  GET /orders 200 6 ms  feedbeef',
      '    at other (src/app.ts:12:3)',
      'npm notice 1a2b3c4d is no request',
      '09:00:09.000 INFO  1a2b3c4d is no request  GET /1a2b3c4d 200 6 ms  beef  id=1a2b3c4d 1a2b3c4d',
    ];
    const lines = [...others, ...mine].map((text): [string, string] => ['orders', text]);

    it('are found by its whole id, and by as much of it as a line in text shows', () => {
      expect(pass({ request: UUID }, lines)).to.deep.equal(mine);
      expect(pass({ request: '1a2b3c4d' }, lines)).to.deep.equal(mine);
    });

    it('are not those of another one, as far as a line tells', () => {
      expect(pass({ request: OTHER }, lines)).to.deep.equal(mine.slice(1));
      expect(pass({ request: '1a2b' }, lines)).to.deep.equal([]);
    });

    it('are found by an id that a caller has made up', () => {
      const own: [string, string][] = [
        ['orders', json('09:00:01.000', 'info', { requestId: 'check:7' })],
        ['catalog', '09:00:02.000 WARN  slow  GET / 200 900 ms  check:7'],
        ['catalog', '09:00:02.000 WARN  slow  GET / 200 900 ms  check:70'],
      ];
      expect(pass({ request: 'check:7' }, own)).to.deep.equal(own.slice(0, 2).map(([, text]) => text));
    });

    it('are found by an id alone, wherever a line has it', () => {
      const own = [
        json('09:00:01.000', 'info', { requestId: '7' }),
        '09:00:02.000 INFO  done  GET /7 200 6 ms  7  n=1',
        '09:00:02.000 ERROR of  two  parts  GET / 500 6 ms  7  TypeError: no  price',
        '09:00:02.000 INFO  request refused  400  7  reason="no request"',
        '09:00:02.000 ERROR said  7',
        '09:00:02.000 INFO   7',
      ];
      const foreign = ['09:00:02.000 INFO  took 7 ms  GET /7 200 7 ms  beef  n=7', '09:00:02.000 WARN  7', '7'];
      const all = [...own, ...foreign].map((text): [string, string] => ['orders', text]);
      expect(pass({ request: '7' }, all)).to.deep.equal(own);
    });

    it('are those of a whole UUID alone where a line has it whole', () => {
      const whole = `09:00:02.000 INFO  done  GET / 200 6 ms  ${UUID}`;
      for (const [request, found] of [
        [UUID, [whole]],
        ['1a2b3c4d', [whole]],
        [OTHER, []],
      ] as const)
        expect(pass({ request }, [['python', whole]]), request).to.deep.equal(found);
    });
  });

  it('are found by their trace', () => {
    const lines: [string, string][] = [
      ['orders', json('09:00:01.000', 'info', { trace_id: TRACE })],
      ['orders', `09:00:02.000 INFO  charged  trace_id=${TRACE} span_id=00f067aa0ba902b7`],
      ['orders', '09:00:03.000 INFO  charged  trace_id=4bf92f3577b34da6a3ce929d0e0e4737'],
    ];
    expect(pass({ trace: TRACE }, lines)).to.deep.equal(lines.slice(0, 2).map(([, text]) => text));
  });

  it('are shown from a level on, with what stands below them, and what no logger has written', () => {
    const kept: [string, string][] = [
      ['orders', json('09:00:01.000', 'warn', {})],
      ['orders', '09:00:02.000 ERROR charge failed'],
      ['orders', '    at charge (src/app.ts:12:3)'],
      ['catalog', 'src/app.ts:3: Expression expected'],
      [HOST_MODE, '✗ orders has ended; it starts again in 1 s'],
    ];
    const left: [string, string][] = [
      ['orders', json('09:00:01.000', 'info', {})],
      ['orders', '09:00:02.000 DEBUG charging'],
      ['orders', '    with more to say'],
      [HOST_MODE, '✓ PostgreSQL runs again'],
    ];
    expect(pass({ level: 'warn' }, [...left, ...kept])).to.have.members(kept.map(([, text]) => text));
  });

  it('are in the order in which they were said, in whichever time zone, the lines of an event together', () => {
    const lines: [string, string][] = [
      ['gateway', '14:45:09.020 INFO  third, east of Greenwich'],
      ['gateway', '    and below it'],
      ['orders', json('09:00:09.010', 'info', { msg: 'second' })],
      ['orders', 'fifth, by when it was taken down'],
      ['catalog', '09:00:09.000 INFO  first'],
      ['catalog', '03:30:09.030 INFO  fourth, west of it'],
    ];
    const order = [4, 2, 0, 1, 5, 3].map((index) => lines[index]?.[1]);
    expect(pass({}, lines)).to.deep.equal(order);
  });

  it('are shown as long as they are not too old', () => {
    const sieve = new Sieve({ since: Date.parse('2026-11-28T09:00:00Z') });
    const at = (time: string) => sieve.pass({ service: 'orders', stream: 'orders', time, text: 'a line' });
    expect(at('2026-11-28T08:59:59.999999999Z')).to.deep.equal([]);
    expect(at('2026-11-28T10:00:00.000000000+01:00')).to.have.length(1);
  });

  it('are read as Kubernetes and host mode take them down', () => {
    const read = (line: string) => TAKEN.exec(line)?.slice(1);
    expect(read('2026-11-28T09:00:00.123456789Z {"a":1}')).to.deep.equal(['2026-11-28T09:00:00.123456789Z', '{"a":1}']);
    expect(read('2026-11-28T09:00:00.123Z     at x')).to.deep.equal(['2026-11-28T09:00:00.123Z', '    at x']);
    expect(read('2026-11-28T09:00:00Z')).to.deep.equal(['2026-11-28T09:00:00Z', '']);
    expect(read('2026-11-28T09:00:00Z a\rb\u2028c')).to.deep.equal(['2026-11-28T09:00:00Z', 'a\rb\u2028c']);
    expect(read('the rest of a line')).to.equal(undefined);
  });
});
