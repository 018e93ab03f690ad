import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pg from 'pg';
import { type Postgres, type PostgresOptions, startPostgres } from '../../scripts/host/postgres.ts';
import { findProcess, listProcesses } from '../../scripts/machine/processes.ts';
import { listen, until } from '../setup/http.ts';

/** On one data folder, from its making on: each test finds what the one before has left. */
describe('startPostgres', () => {
  // As a clone that only its owner may enter.
  const parent = mkdtempSync(join(tmpdir(), 'stand-postgres-'));
  const options = { dataDir: join(parent, 'deep', 'data'), port: 0, user: 'me', password: 'it’s', database: 'my-shop' };
  let running: Postgres | undefined;
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });
  after(() => rmSync(parent, { recursive: true }));

  const start = async (more: Partial<PostgresOptions> = {}): Promise<Postgres> => {
    running = await startPostgres({ ...options, ...more });
    return running;
  };
  const faultOf = (more: Partial<PostgresOptions>): Promise<string> =>
    startPostgres({ ...options, ...more }).then(
      () => 'it started',
      ({ message }) => message,
    );
  const query = async (sql: string, { port }: Postgres, host = '127.0.0.1'): Promise<unknown[]> => {
    const client = new pg.Client({ ...options, host, port });
    await client.connect();
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    await client.end();
    return rows.flat();
  };
  const isAlive = (pid: number): boolean => findProcess(pid) !== undefined;

  it('makes the folder and the database, and leaves nothing beside, whatever an interrupted run has left', async () => {
    mkdirSync(join(parent, 'deep', 'data.new', 'data'), { recursive: true });
    const server = await start();
    expect(await query('create table notes as select 7 as n', server)).to.deep.equal([]);
    expect(readdirSync(join(parent, 'deep'))).to.deep.equal(['data']);
  });

  it('keeps the data between runs and takes flags', async () => {
    const server = await start({ flags: ['-c', 'fsync=off'] });
    expect(await query('select n from notes', server)).to.deep.equal([7]);
    expect(await query('show fsync', server)).to.deep.equal(['off']);
  });

  it('is a PostgreSQL 18 in UTF-8 that asks for a password and listens on 127.0.0.1 only', async () => {
    const server = await start();
    expect(await query('show server_version', server))
      .to.have.property('0')
      .that.matches(/^18\./);
    expect(await query('show server_encoding', server)).to.deep.equal(['UTF8']);
    expect(await query(`select 'É' ilike 'é' and 'Z' < 'a'`, server), 'by code point').to.deep.equal([true]);
    expect(await query('show listen_addresses', server)).to.deep.equal(['127.0.0.1']);
    expect(await query('show unix_socket_directories', server)).to.deep.equal(['']);
    expect(readFileSync(join(options.dataDir, 'pg_hba.conf'), 'utf8')).to.not.match(/^[^#]*\btrust$/m);
  });

  it('is gone when stop has resolved, also with a connection open, and stops twice', async () => {
    const server = await start();
    const client = new pg.Client({ ...options, host: '127.0.0.1', port: server.port }).on('error', () => {});
    await client.connect();
    await server.stop();
    expect(isAlive(server.pid)).to.equal(false);
    await server.stop();
  });

  it('says which port is taken', async () => {
    const other = await listen((_req, res) => res.end());
    expect(await faultOf({ port: other.port })).to.match(new RegExp(`^Port ${other.port} is taken`));
    await other.close();
  });

  it('says that a folder belongs to another user or password, and what to do', async () => {
    expect(await faultOf({ password: 'other' })).to.match(/has another user or password; delete that folder/);
  });

  it('takes nothing from the shell but what it is told', async () => {
    const shell = { PGSSLMODE: 'require', PGOPTIONS: '-c nonsense=1', PGSSLROOTCERT: '/nowhere', PGDATA: '/nowhere' };
    Object.assign(process.env, shell);
    await start().finally(() => {
      for (const name of Object.keys(shell)) delete process.env[name];
    });
  });

  it('says when it has ended, whatever ended it, and starts again over that', async () => {
    const killed = await start();
    process.kill(killed.pid, 'SIGKILL');
    await killed.ended;
    expect(await query('select n from notes', await start())).to.deep.equal([7]);
  });

  it('leaves nothing behind when its making is called off', async () => {
    const calledOff = new AbortController();
    const dataDir = join(parent, 'called-off', 'data');
    const making = faultOf({ dataDir, signal: calledOff.signal });
    await until(() => existsSync(`${dataDir}.new/data`));
    calledOff.abort();
    expect(await making).to.match(/^No database in/);
    expect(readdirSync(join(parent, 'called-off'))).to.deep.equal([]);
    expect(listProcesses().filter(({ command }) => command.includes(dataDir))).to.deep.equal([]);
  });

  it('says what PostgreSQL says when it does not start', async () => {
    expect(await faultOf({ flags: ['-c', 'nonsense=1'] })).to.match(/server\.log\): .*"nonsense"$/);
  });

  it('says that the folder is in use while another run lives, and leaves that alone', async () => {
    const server = await start();
    expect(await faultOf({})).to.equal(`The database in ${options.dataDir} is in use by process ${process.pid}`);
    expect(await query('select 1', server)).to.deep.equal([1]);
  });

  it('ends what a run that was killed has left behind, and keeps its data', async () => {
    const orphan = await startAndKill('SIGKILL');
    expect(isAlive(orphan)).to.equal(true);
    const server = await start();
    expect(isAlive(orphan)).to.equal(false);
    expect(await query('select n from notes', server)).to.deep.equal([7]);
  });

  it('ends with a run that crashes', async () => {
    const orphan = await startAndKill('SIGUSR2');
    await until(() => !isAlive(orphan));
  });

  it('starts over the note of a server that was killed, and spares who has its number now', async () => {
    const bystander = spawn('sleep', ['60']);
    await once(bystander, 'spawn');
    const note = [bystander.pid, options.dataDir, 1, 5432, '', '127.0.0.1', '', 'ready', ''];
    writeFileSync(join(options.dataDir, 'postmaster.pid'), note.join('\n'));
    const server = await start();
    expect(await query('select n from notes', server)).to.deep.equal([7]);
    expect(isAlive(bystander.pid as number)).to.equal(true);
    bystander.kill();
  });

  /** A run of its own, which SIGUSR2 crashes. */
  async function startAndKill(signal: NodeJS.Signals): Promise<number> {
    const script = `process.on('SIGUSR2', () => { throw new Error('crash') });
      require('./scripts/host/postgres.ts').startPostgres(${JSON.stringify(options)}).then(({ pid }) => console.log(pid));`;
    const args = ['--require', 'ts-node/register', '--eval', script];
    const run = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    const [pid] = await once(run.stdout, 'data');
    run.kill(signal);
    await once(run, 'exit');
    return Number(pid);
  }
});
