import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { freePort } from '../../../scripts/host/postgres.ts';
import { findProcess } from '../../../scripts/machine/processes.ts';
import { type Answer, send, sendRaw, until } from '../../../test/setup/http.ts';

const SAVES = 20;
const REQUESTS = 500;
const RUNNER = resolve('services/chassis/nodemon.cjs');
const EXEC = `exec node --require ${resolve('services/chassis/typescript.cjs')} src/server.ts`;

/** What a service does: answers with the save that it is of, and counts what it was asked. */
const source = (save: string): string => `
import { createServer } from 'node:http';
let asked = 0;
const server = createServer((req, res) => {
  if (req.url === '/exit') process.stdout.write('unfinished', () => process.exit(3));
  if (req.url === '/leave') return void (asked++ ? res.end(String(asked)) : req.socket.destroy());
  if (req.url === '/throw') throw new Error('thrown');
  if (req.url === '/uptime') return res.end(String(process.uptime()));
  if (req.url === '/loop') process.stdout.write('it loops', () => { for (;;); });
  if (req.url === '/start') return res.end(String(require('node:child_process').spawn('sleep', ['1000']).pid));
  if (req.url === '/end') {
    process.stdout.write('09:00:00.000 ERROR handled  src/app.ts:1\\n09:00:00.001 FATAL ended\\n  at src/app.ts:2\\n', () => process.exit(1));
    return;
  }
  let length = 0;
  req.on('data', (data) => { length += data.length; }).on('end', () => res.end('${save} ' + length));
});
server.listen(Number(process.env.PORT));
process.on('SIGINT', () => { server.close(() => process.exit()); });
`;

describe('a service in development', function () {
  this.timeout(120_000);
  let root: string;
  let runner: ChildProcess;
  let output = '';
  let port: number;

  const file = (): string => join(root, 'services/one/src/server.ts');
  const save = (content: string): void => writeFileSync(file(), content);
  const get = (path = '/', headers = {}): Promise<Answer> =>
    send(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close', ...headers } });
  const serves = (start: string): Promise<unknown> => until(async () => (await get()).text.startsWith(start));

  before(async () => {
    root = mkdtempSync(join(tmpdir(), 'nodemon-'));
    port = await freePort();
    mkdirSync(join(root, 'services/one/src'), { recursive: true });
    writeFileSync(
      join(root, 'services/one/nodemon.json'),
      JSON.stringify({ watch: ['src'], ext: 'ts', delay: 5, signal: 'SIGINT', exec: EXEC }),
    );
    save(source('first'));
    mkdirSync(join(root, 'bin'));
    writeFileSync(join(root, 'bin/ps'), `#!/bin/sh\necho >> '${join(root, 'asked')}'\nexec /bin/ps "$@"\n`, {
      mode: 0o755,
    });
    const env = { PATH: `${join(root, 'bin')}:${process.env.PATH}`, PORT: String(port) };
    runner = spawn(process.execPath, [RUNNER], {
      cwd: join(root, 'services/one'),
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [runner.stdout, runner.stderr])
      stream?.on('data', (data) => {
        output += data;
      });
    await until(() => get());
    // The watcher may be ready a moment after the first start.
    await until(async () => {
      save(source('watched'));
      return (await get()).text.startsWith('watched');
    });
  });
  after(async () => {
    const ended = once(runner, 'exit');
    runner.kill('SIGINT');
    await ended;
    rmSync(root, { recursive: true });
  });

  it(`fails none of ${REQUESTS} GETs and POSTs with a key while it is saved ${SAVES} times`, async () => {
    let saving = true;
    const faults: string[] = [];
    let sent = 0;
    async function ask(method: string): Promise<void> {
      while (saving) {
        sent++;
        await askOnce(port, method).catch((error) => faults.push(error.message));
      }
    }
    const asking = ['GET', 'GET', 'POST', 'POST'].map(ask);
    for (let count = 1; count <= SAVES; count++) {
      save(source(`save-${count}`));
      await serves(`save-${count} `);
      await until(() => sent > REQUESTS * (count / SAVES));
    }
    saving = false;
    await Promise.all(asking);
    expect(faults).to.deep.equal([]);
  });

  it('serves each save, also when two have the same time, as copies that Tilt makes within a second', async () => {
    const copied = join(root, 'server.ts');
    for (const name of ['one', 'two', 'three', 'four']) {
      writeFileSync(copied, source(name));
      utimesSync(copied, 1_700_000_000, 1_700_000_000);
      execFileSync('sh', ['-c', 'tar -C "$0" -cf - server.ts | tar -C "$1" -xf -', root, dirname(file())]);
      await serves(name);
    }
  });

  it('says where it does not start, in its place, and serves again after the next good save', async () => {
    save(`const one = 1;\nconst two = ;\n`);
    const readyz = await until(async () => {
      const answer = await get('/readyz');
      return answer.status === 503 && answer;
    });
    const reason = 'does not start, src/server.ts:2';
    expect(readyz.body).to.include({ status: 'down', reason });
    expect(readyz.body.error).to.match(/^src\/server\.ts:2: Expression expected\nconst two = ;\n +\^$/);
    const livez = await get('/livez');
    expect([livez.status, livez.body]).to.deep.equal([200, readyz.body]);
    expect((await get('/readyz', { 'user-agent': 'kube-probe/1.34' })).status).to.equal(200);
    const problem = await get('/any', { 'x-request-id': 'an-id' });
    expect(problem.type).to.contain('application/problem+json');
    expect(problem.body).to.include({ status: 503, detail: `one ${reason}`, reason, requestId: 'an-id' });
    expect((await get('/', { accept: 'text/html' })).text).to.equal(`one ${reason}\n\n${readyz.body.error}\n`);
    expect(output.split(readyz.body.error)).to.have.length(2);
    save(source('mended'));
    await serves('mended');
  });

  it('says where it threw while it started', async () => {
    save(`import { Server } from 'node:http';\n\nthrow new Error(Server.name);\n`);
    await until(async () => (await get('/readyz')).body.reason === 'does not start, src/server.ts:3');
    save(source('mended'));
    await serves('mended');
  });

  it('waits for a save after an end with any exit code', async () => {
    save('process.exit(2);');
    await until(async () => (await get('/readyz')).body.reason === 'does not start, exit code 2');
    save(source('mended'));
    await serves('mended');
  });

  it('says why it ended when something holds its output open', async () => {
    save(`import { spawn } from 'node:child_process';
const { pid } = spawn('sleep', ['600'], { stdio: 'inherit', detached: true });
console.log('holder', pid);
throw new Error('no configuration');`);
    const holder = await until(() => /holder (\d+)/.exec(output));
    try {
      await until(async () => (await get('/readyz')).body.reason === 'does not start, src/server.ts:4');
    } finally {
      process.kill(Number(holder[1]));
    }
    save(source('mended'));
    await serves('mended');
  });

  it('says of its end what it said last', async () => {
    await get('/end').catch(() => {});
    const reason = 'has ended, src/app.ts:2';
    const { body } = await until(async () => {
      const answer = await get('/readyz');
      return answer.body.reason === reason && answer;
    });
    expect(body.error).to.equal('09:00:00.001 FATAL ended\n  at src/app.ts:2');
    await serves('mended');
  });

  it('starts again when it has ended by itself', async () => {
    await get('/exit').catch(() => {});
    await until(async () => (await get('/readyz')).body.reason === 'has ended, exit code 3');
    await serves('mended');
  });

  it('begins a line when it starts again', async () => {
    await until(() => /unfinished./s.test(output));
    expect(output).to.match(/unfinished\n/);
  });

  it('says in a line of its own how it has ended, where that is not told', () => {
    const [line = ''] = /(?<=unfinished\n)\{"level":"fatal".*/.exec(output) ?? [];
    expect(JSON.parse(line)).to.include({ service: 'one', msg: 'has ended, exit code 3' });
  });

  it('goes on for longer than an end may take when it has started again', async () => {
    await until(async () => Number((await get('/uptime')).text) > 5.5);
  });

  it('is ended by a save whatever it does', async () => {
    const looping = get('/loop');
    await until(() => output.includes('it loops'));
    save(source('ended').replace("'/loop'", "'/other'"));
    expect((await looping).text).to.equal('ended 0');
    expect(output).to.contain('"msg":"killed, as it had not ended within 5 s: a loop without end?"');
    save(source('mended'));
    await serves('mended');
  });

  it('is ended by a save with what it has started', async () => {
    const pid = Number((await get('/start')).text);
    expect(findProcess(pid)).not.to.equal(undefined);
    save(`${source('mended')}// again`);
    await until(() => !findProcess(pid));
  });

  it('needs no program to find that on Linux, where each save would wait for it', function () {
    if (process.platform !== 'linux') this.skip();
    // nodemon looks once whether there is one.
    expect(readFileSync(join(root, 'asked'), 'utf8')).to.have.length.of.at.most(1);
  });

  it('takes a body larger than it keeps', async () => {
    const answer = await send(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x'.repeat(1_000_000) });
    expect(answer.text).to.equal('mended 1000000');
  });

  it('answers a client that sends no more', async () => {
    const { text: answer } = await sendRaw(port, 'GET / HTTP/1.0\r\n\r\n');
    expect(answer).to.match(/mended 0$/);
  });

  it('asks again what may be repeated, and nothing else, when the service has left', async () => {
    save(source('again'));
    await serves('again');
    expect((await get('/leave')).text).to.equal('2');
    save(source('not again'));
    await serves('not again');
    const post = await send(`http://127.0.0.1:${port}/leave`, { method: 'POST' }).catch(() => 'failed');
    expect([post, (await get('/leave')).text]).to.deep.equal(['failed', '2']);
  });

  it('refuses to start where another program has its port', async () => {
    const second = spawn(process.execPath, [RUNNER], {
      cwd: join(root, 'services/one'),
      env: { PATH: process.env.PATH, PORT: String(port) },
    });
    const [said, [code]] = await Promise.all([text(second.stderr), once(second, 'exit')]);
    expect([code, said]).to.deep.equal([1, `listen EADDRINUSE: address already in use :::${port}\n`]);
  });
});

/** Over a connection of its own: the rest is up to the client, and browsers ask again over a new one. */
function askOnce(port: number, method: string): Promise<void> {
  return new Promise((done, fail) => {
    const headers = method === 'POST' ? { 'idempotency-key': 'a-key' } : {};
    const sent = request({ port, method, agent: false, headers: { connection: 'close', ...headers } }, (answer) => {
      text(answer).then(
        (body) => (/ \d+$/.test(body) ? done() : fail(new Error(`${answer.statusCode} ${body}`))),
        fail,
      );
    });
    sent.once('error', fail).end(method === 'POST' ? 'body' : undefined);
  });
}
