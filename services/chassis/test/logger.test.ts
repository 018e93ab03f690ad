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

/** How a process ends, what it logs before, and what of that is read once it has ended or, if it does not, at last. */
type Kind = [end: 'exit' | 'throw' | 'return' | 'wait' | 'hang', messages: string[], read?: string[]];

const kinds: Record<string, Kind> = {
  'that exits: all, in order': ['exit', [said, request, request, said, request]],
  'that exits after many requests: all': ['exit', many],
  'that crashes: all, and then why': [
    'throw',
    [request, said, request, request],
    [request, said, request, request, thrown],
  ],
  'that has nothing more to do: all': ['return', [request, said, request]],
  'that runs on: those of requests too': ['wait', [said, request, request]],
  'that hangs: all up to what it said last': ['hang', [request, said, request], [request, said]],
  'that hangs: all up to an error': ['hang', [request, request, failed, request], [request, request, failed]],
};

for (const format of ['json', 'text'])
  describe(`log lines, as ${format}, of a process`, () => {
    const services: Service[] = [];
    after(() => services.forEach((service) => void service.process.kill('SIGKILL')));

    for (const [kind, [end, messages, read = messages]] of Object.entries(kinds))
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

/** Debian's `script` gives a command a terminal. */
const hasTerminals = (): boolean => process.platform === 'linux' && which('script') !== undefined;

const underScript = (command: string[]): string[] => [
  ...['script', '--quiet', '--return', '--command', command.map((word) => `'${word}'`).join(' '), '/dev/null'],
];
