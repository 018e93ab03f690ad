import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect } from 'chai';
import { which } from '../../../scripts/machine/command.ts';
import { send, until } from '../../../test/setup/http.ts';
import type { Service } from '../../../test/setup/service.ts';
import { fixtureArguments, startFixture } from './process.ts';

const [said, request, failed, thrown] = ['said', 'request', 'failed', 'thrown'];
const many = Array.from({ length: 500 }, () => request);

/** How a process ends, what it logs before, and, where that is not all, what of it is read in the end, in JSON and text. */
type Kind = [end: string, messages: string[], read?: { json?: string[]; text?: string[] }];

const kinds: Record<string, Kind> = {
  'that exits: all, in order': ['exit', [said, request, request, said, request]],
  'that exits after many requests: all': ['exit', many],
  'that crashes: all, and then why': [
    'throw',
    [request, said, request, request],
    { json: [request, said, request, request, thrown], text: [request, said, request, request, thrown] },
  ],
  'that has nothing more to do: all': ['return', [request, said, request]],
  'that runs on: those of requests too': ['wait', [said, request, request]],
  'that hangs: as text all, as JSON up to what it said last': [
    'hang',
    [request, said, request],
    { json: [request, said] },
  ],
  'that hangs: as text all, as JSON up to an error': [
    'hang',
    [request, request, failed, request],
    { json: [request, request, failed] },
  ],
  'that is gone at once: as text all, as JSON up to what it said last': [
    'abort',
    [request, said, request],
    { json: [request, said] },
  ],
};

for (const format of ['json', 'text'] as const)
  describe(`log lines, as ${format}, of a process`, () => {
    const services: Service[] = [];
    after(() => services.forEach((service) => void service.process.kill('SIGKILL')));

    for (const [kind, [end, messages, { [format]: read = messages } = {}]] of Object.entries(kinds))
      it(kind, async () => {
        const service = startFixture('logger.ts', { LOG_FORMAT: format }, '.', end, ...messages);
        services.push(service);
        const events = (): string[] => service.lines.map(({ msg }) => msg).filter((line) => !line.startsWith(' '));
        if (end === 'wait' || end === 'hang') await until(() => events().length >= read.length);
        else await service.exit();
        const found = events().map((line) => /request(?= completed)|said|failed|thrown/.exec(line)?.[0]);
        expect(found).to.deep.equal(read);
      });
  });

const golden: Record<string, string[]> = {
  json: [
    '{"level":"info","time":"TIME","service":"fixture","port":0,"msg":"listening"}',
    '{"level":"info","time":"TIME","service":"fixture","requestId":"mine","req":{"method":"GET","url":"/things/1"},"res":{"statusCode":200},"responseTime":0,"msg":"request completed"}',
    '{"level":"error","time":"TIME","service":"fixture","requestId":"mine","req":{"method":"GET","url":"/throws"},"res":{"statusCode":500},"responseTime":0,"err":{"type":"Error","message":"the secret is 42","stack":"STACK"},"msg":"request failed"}',
    '{"level":"info","time":"TIME","service":"fixture","requestId":"ID","res":{"statusCode":400},"reason":"Parse Error: Invalid method encountered","msg":"request refused"}',
    '{"level":"info","time":"TIME","service":"fixture","msg":"stopping"}',
    '{"level":"info","time":"TIME","service":"fixture","msg":"closed"}',
    '{"level":"info","time":"TIME","service":"fixture","msg":"stopped"}',
  ],
  text: [
    'TIME INFO  listening  port=0',
    'TIME INFO  request completed  GET /things/1 200 0 ms  mine',
    'TIME ERROR request failed  GET /throws 500 0 ms  mine  Error: the secret is 42',
    '    at <anonymous> (services/chassis/test/fixture.ts:0:0)',
    'TIME INFO  request refused  400  ID  reason="Parse Error: Invalid method encountered"',
    'TIME INFO  stopping',
    'TIME INFO  closed',
    'TIME INFO  stopped',
  ],
};

for (const [format, expected] of Object.entries(golden))
  describe(`the log of a service, as ${format},`, () => {
    it('is as ever', async () => {
      const service = startFixture('server.ts', { PORT: '0', LOG_FORMAT: format });
      const port = await until(() => /port\W+(\d+)/.exec(JSON.stringify(service.lines[0]) ?? '')?.[1]);
      for (const path of ['/things/1', '/throws'])
        await send(`http://127.0.0.1:${port}${path}`, { headers: { 'x-request-id': 'mine' } });
      const socket = connect(Number(port), '127.0.0.1').end('NONSENSE\r\n\r\n').resume();
      await once(socket, 'close');
      service.process.kill('SIGINT');
      expect(await service.exit()).to.equal(0);
      const lines = service.lines.map((line) => (format === 'text' ? line.msg : JSON.stringify(line)));
      expect(lines.filter((line) => !/^ .*node_modules/.test(line)).map(mask)).to.deep.equal(expected);
    });
  });

/** Without what is another each time. */
const mask = (line: string): string =>
  line
    .replace(/"stack":".*?[^\\]"/, '"stack":"STACK"')
    .replace(/(?<=:)\d+:\d+(?=\)$)/, '0:0')
    .replace(/(?<=port\W+)\d+|(?<=responseTime":)\d+|\d+(?= ms)/, '0')
    .replace(/^[\d:.]{12}|[\d-]{10}T[\d:.]{12}Z/, 'TIME')
    .replace(/[\da-f]{8}-[\da-f-]{27}|\b[\da-f]{8}\b/, 'ID');

describe('text in the log of a process has colours', () => {
  const inTerminal = { TERM: 'xterm-256color' };
  for (const [where, shown, env, terminal] of [
    ['in a terminal', true, inTerminal, true],
    ['in none', false, inTerminal, false],
    ['with FORCE_COLOR=1, as where a terminal shows them in the end', true, { FORCE_COLOR: '1' }, false],
    ['with NO_COLOR', false, { ...inTerminal, NO_COLOR: '1' }, true],
    ['with FORCE_COLOR=0', false, { ...inTerminal, FORCE_COLOR: '0' }, true],
  ] as const)
    it(`${shown ? 'yes' : 'no'}: ${where}`, function () {
      if (terminal && !hasTerminals()) this.skip();
      const command = [process.execPath, ...fixtureArguments('logger.ts'), 'return', 'said'];
      const [program = '', ...args] = terminal ? underScript(command) : command;
      const { stdout } = spawnSync(program, args, {
        env: { PATH: process.env.PATH, LOG_FORMAT: 'text', ...env },
        encoding: 'utf8',
      });
      expect(stdout).to.contain('said');
      expect(stdout.includes('\x1b')).to.equal(shown);
    });
});

type Told = [json: Record<string, unknown>, text: string[]];
const failure = { type: 'Error', message: 'why', stack: 'STACK' };

/** By what fixture events.ts logs. */
const told: Record<string, Told> = {
  'a client’s body, which changes nothing of the event': [
    { 'fields.level': 'fatal', 'fields.service': 'other', 'fields.time': '2020-01-01', 'fields.msg': 'forged', n: 1 },
    ['TIME INFO   fields.level=fatal fields.service=other fields.time=2020-01-01 fields.msg=forged n=1'],
  ],
  'a field called as one of the event’s own': [
    { 'fields.service': 'catalog', msg: 'is slow' },
    ['TIME INFO  is slow  fields.service=catalog'],
  ],
  'an error alone': [
    { err: { type: 'TypeError', message: 'why', stack: 'STACK' }, msg: 'why' },
    ['TIME INFO  why  TypeError'],
  ],
  'errors under other keys': [
    { error: failure, reason: failure, msg: 'failed' },
    ['TIME INFO  failed', '    error: Error: why', '    reason: Error: why'],
  ],
  'an error’s fields, its causes, and theirs': [
    {
      err: {
        code: 'E1',
        cause: {
          detail: 'Key exists',
          cause: { cause: { n: 1 }, type: 'AggregateError', message: '', stack: 'STACK', aggregateErrors: [failure] },
          ...failure,
        },
        ...failure,
      },
      msg: 'failed',
    },
    [
      ...['TIME INFO  failed  Error: why', '    code=E1', '    caused by: Error: why', '        detail="Key exists"'],
      ...['        caused by: AggregateError', '            cause={"n":1}', '            Error: why'],
    ],
  ],
  'an error that is its own cause, and frozen': [
    { err: { ...failure, cause: '[Circular]' }, msg: 'failed' },
    ['TIME INFO  failed  Error: why', '    cause=[Circular]'],
  ],
  'a timeout, by its name': [
    { err: { type: 'TimeoutError', message: 'too slow', stack: 'STACK' }, msg: 'failed' },
    ['TIME INFO  failed  TimeoutError: too slow'],
  ],
};

describe('the logger shows, as JSON and as text,', () => {
  const events = new Map<string, { json: unknown; text: string[] }>();

  before(async () => {
    const [json, text] = await Promise.all(
      ['json', 'text'].map(async (format) => {
        const service = startFixture('events.ts', { LOG_FORMAT: format });
        await service.exit();
        return service.lines;
      }),
    );
    const texts = (text ?? []).map(({ msg }) => mask(msg)).filter((line) => !/^ +at /.test(line));
    const starts = texts.flatMap((line, index) => (line.startsWith('TIME') ? index : []));
    Object.keys(told).forEach((name, index) => {
      const { level, time, service, ...rest } = json?.[index] ?? {};
      expect([level, service, mask(`${time}`)]).to.deep.equal(['info', 'fixture', 'TIME']);
      const masked = JSON.parse(JSON.stringify(rest, (key, value) => (key === 'stack' ? 'STACK' : value)));
      events.set(name, { json: masked, text: texts.slice(starts[index], starts[index + 1]) });
    });
  });

  for (const [name, [json, text]] of Object.entries(told))
    it(name, () => expect(events.get(name)).to.deep.equal({ json, text }));
});

/** Debian's `script` gives a command a terminal. */
const hasTerminals = (): boolean => process.platform === 'linux' && which('script') !== undefined;

const underScript = (command: string[]): string[] => [
  ...['script', '--quiet', '--return', '--command', command.map((word) => `'${word}'`).join(' '), '/dev/null'],
];
