import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { freePort } from '../../../scripts/host/postgres.ts';
import { Copy } from '../../../test/setup/copy.ts';
import { createDatabase, type TestDatabase, withClient } from '../../../test/setup/database.ts';
import { listen, type Running, send, until } from '../../../test/setup/http.ts';

const RUNNER = resolve('services/chassis/nodemon.cjs');
const EXEC = `exec node --require ${resolve('services/chassis/typescript.cjs')} src/server.ts`;

/** Says what became of a call of the callee, or of a statement of the database, and what its process was told. */
const SOURCE = `
import { createServer } from 'node:http';
import pg from '${require.resolve('pg')}';

async function call(path: string) {
  const answer = await fetch(process.env.OLD_STORE_URL + path, { headers: { 'x-request-id': 'an-id' } });
  return { status: answer.status, body: await answer.text() };
}

async function insert() {
  const client = new pg.Client();
  client.on('error', () => {});
  await client.connect();
  await client.query('insert into notes default values');
  await client.end();
  return { inserted: true };
}

createServer(async (req, res) => {
  const begin = performance.now();
  if (req.url === '/livez') return res.end(process.env.CHASSIS_FAULTS);
  const outcome = await (req.url === '/insert' ? insert() : call(req.url)).catch(({ message }) => ({ failed: message }));
  res.end(JSON.stringify({ ...outcome, ms: performance.now() - begin }));
}).listen(Number(process.env.PORT));
`;

interface Outcome {
  status?: number;
  body?: string;
  inserted?: boolean;
  failed?: string;
  ms: number;
}

describe('a fault in development', function () {
  this.timeout(120_000);
  let root: string;
  let runner: ChildProcess;
  let port: number;
  let output = '';
  let database: TestDatabase;
  let store: Running;
  let asked = 0;

  const at = (path: string): string => join(root, 'services/one', path);
  const get = (path: string) => send(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
  const ask = async (path: string): Promise<Outcome> => JSON.parse((await get(path)).text);
  const notes = (): Promise<number> =>
    withClient(database, async (client) => (await client.query('select from notes')).rowCount ?? 0);

  /** As make fault does. */
  function deliver(to: string, setting?: string): void {
    writeFileSync(at('letter'), JSON.stringify({ to, setting }));
    renameSync(at('letter'), at('.fault'));
  }

  const tells = (faults: object): Promise<unknown> =>
    until(async () => (await get('/livez')).text === JSON.stringify(faults));

  async function set(to: string, setting: string): Promise<void> {
    deliver(to, setting);
    await tells({ [to]: setting });
  }

  async function clear(to: string): Promise<void> {
    deliver(to);
    await tells({});
  }

  before(async () => {
    database = await createDatabase();
    await withClient(database, (client) => client.query('create table notes (id serial)'));
    store = await listen((req, res) => {
      asked++;
      res.end(`stored ${req.url} ${'x'.repeat(10_000)}`);
    });
    root = mkdtempSync(join(tmpdir(), 'fault-'));
    port = await freePort();
    mkdirSync(at('src'), { recursive: true });
    writeFileSync(
      at('nodemon.json'),
      JSON.stringify({ watch: ['src'], ext: 'ts', delay: 5, signal: 'SIGINT', exec: EXEC }),
    );
    writeFileSync(at('src/server.ts'), SOURCE);
    deliver('old-store', 'REFUSE=1');
    const OLD_STORE_URL = `http://localhost:${store.port}/below`;
    const env = { PATH: process.env.PATH, PORT: String(port), LOG_FORMAT: 'text', OLD_STORE_URL, ...database.env };
    runner = spawn(process.execPath, [RUNNER], { cwd: at('.'), env, stdio: ['ignore', 'pipe', 'inherit'] });
    runner.stdout?.on('data', (data) => {
      output += data;
    });
    await until(() => get('/livez'));
  });
  after(async () => {
    const ended = once(runner, 'exit');
    runner.kill('SIGINT');
    await ended;
    await store.close();
    rmSync(root, { recursive: true });
  });
  beforeEach(() => {
    asked = 0;
  });

  it('does not outlive the process that it was meant for', async () => {
    expect(existsSync(at('.fault'))).to.equal(false);
    expect(await ask('/any')).to.include({ status: 200 });
  });

  it('keeps a callee from answering, which has done its work when the answer is cut off', async () => {
    await set('old-store', 'REFUSE=1');
    expect((await ask('/any')).failed).to.be.a('string');
    expect(asked).to.equal(0);
    await set('old-store', 'CUT=1');
    expect((await ask('/any')).failed).to.be.a('string');
    expect(asked).to.equal(1);
    await clear('old-store');
    expect((await ask('/any')).body).to.match(/^stored \/below\/any x{10000}$/);
  });

  it('answers in the place of a callee', async () => {
    await set('old-store', 'ANSWER=503');
    const { status, body = '' } = await ask('/any');
    expect(status).to.equal(503);
    expect(JSON.parse(body)).to.deep.equal({
      type: 'urn:problem:fault',
      title: 'Service Unavailable',
      status: 503,
      detail: 'old-store answers 503 as make fault has it',
      requestId: 'an-id',
    });
    expect(asked).to.equal(0);
    await clear('old-store');
  });

  it('lets answers come late, and whole', async () => {
    await set('old-store', 'DELAY=300ms');
    const { body, ms } = await ask('/any');
    expect(body).to.match(/^stored \/below\/any x{10000}$/);
    // A timer may be early by a part of its millisecond.
    expect(ms).to.be.at.least(299);
    await clear('old-store');
  });

  it('refuses, delays and cuts off the database, where the statement that was cut off is done', async () => {
    await set('postgresql', 'REFUSE=1');
    expect((await ask('/insert')).failed).to.be.a('string');
    await set('postgresql', 'DELAY=100ms');
    const { inserted, ms } = await ask('/insert');
    expect(inserted).to.equal(true);
    // Three exchanges let the client in, and one is the statement.
    expect(ms).to.be.at.least(399);
    expect(await notes()).to.equal(1);
    await set('postgresql', 'CUT=1');
    expect((await ask('/insert')).failed).to.be.a('string');
    expect(await notes()).to.equal(2);
    await clear('postgresql');
    expect(await ask('/insert')).to.include({ inserted: true });
  });

  it('is one for each callee, and leaves the others alone', async () => {
    await set('postgresql', 'REFUSE=1');
    deliver('old-store', 'ANSWER=404');
    await tells({ postgresql: 'REFUSE=1', 'old-store': 'ANSWER=404' });
    deliver('postgresql');
    await tells({ 'old-store': 'ANSWER=404' });
    expect(await ask('/insert')).to.include({ inserted: true });
    expect(await ask('/any')).to.include({ status: 404 });
    await clear('old-store');
  });

  it('that can not be set leaves all as it is, and a line says so', async () => {
    deliver('nobody', 'REFUSE=1');
    await until(() => / ERROR fault: not as it was asked for, /.test(output));
    expect(await ask('/any')).to.include({ status: 200 });
  });

  it('is told by what stands in for a service that does not start', async () => {
    writeFileSync(at('src/server.ts'), 'throw new Error();');
    await until(async () => (await get('/livez')).body.status === 'down');
    deliver('old-store', 'CUT=1');
    const { body } = await until(async () => {
      const answer = await get('/livez');
      return answer.body.faults?.['old-store'] && answer;
    });
    expect(body.faults).to.deep.equal({ 'old-store': 'CUT=1' });
    writeFileSync(at('src/server.ts'), SOURCE);
    await tells({ 'old-store': 'CUT=1' });
    await clear('old-store');
  });

  it('is in the log', () => {
    const said = [...output.matchAll(/ WARN +fault: (.*)\n/g)].map(([, words]) => words);
    expect(said).to.include.members([
      'old-store refuses connections',
      'each answer of old-store is cut off in the middle',
      'old-store is reached as ever',
      'old-store answers 503',
      'each answer of old-store comes 300ms late',
    ]);
  });
});

describe('what breaks calls in development', () => {
  let copy: Copy;

  before(() => {
    copy = new Copy('services/Dockerfile', 'services/chassis');
  });
  after(() => copy.remove());

  it('is not in what an image in production has of the chassis', () => {
    const [, copied = ''] = /&& cp -r --parents (.+) \/app$/m.exec(copy.read('services/Dockerfile')) ?? [];
    // Of the service's folder, which its own files are in.
    expect(copied).to.equal('services/chassis/dist services/$SERVICE');
    symlinkSync(resolve('node_modules'), copy.at('node_modules'));
    execFileSync('npm', ['run', '--silent', 'build'], { cwd: copy.at('services/chassis') });
    const files = readdirSync(copy.at('services/chassis/dist'), { recursive: true, encoding: 'utf8' });
    expect(files).to.include('server.js');
    expect(files.filter((file) => /injection|nodemon|\.cjs$/.test(file))).to.deep.equal([]);
  });
});
