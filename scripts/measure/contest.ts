/** A service's released image and a bare app that does the same, in turn under load, each with one CPU. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { readNames } from '../facts/names.ts';
import { DEFAULTS } from '../facts/values.ts';
import { ask, capture } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';
import { buildSample, SAMPLE } from './sample.ts';

export const APPS = ['chassis', 'bare'] as const;
export type App = (typeof APPS)[number];

export interface Load {
  /** Answers per second. */
  rate: number;
  /** Milliseconds. */
  p99: number;
  /** Milliseconds of CPU per answer, of all the process's threads. */
  cpu: number;
}

const PORT = 8080;
const ROWS = 10;
const START_MS = 60_000;
/** Of the times in /proc: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
const TICK_MS = 10;

/** As one writes it without a library: the query, and nothing else. */
const BARE_APP = `
  const pool = new (require('pg').Pool)();
  require('express')()
    .get('/', async (_req, res) => {
      const { rows } = await pool.query('select id, name from "${SAMPLE}".items order by id limit 100');
      res.json({ items: rows });
    })
    .listen(${PORT});`;

/**
 * Gives `work` a contest that is ready, and leaves nothing of it behind, not on Ctrl-C either.
 * @throws {Fault} also when it is interrupted
 */
export async function holdContest(work: (contest: Contest) => Promise<void>): Promise<void> {
  const contest = new Contest();
  const interrupted = new Promise<never>((_, fail) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => fail(new Fault('Interrupted')));
  });
  const done = contest.begin().then(() => work(contest));
  try {
    await Promise.race([done, interrupted]);
  } finally {
    await contest.end();
    // What was running has failed by that, or has made one more thing.
    await done.catch(() => {});
    await contest.end();
  }
}

export class Contest {
  /** Of the image and the network, and what the containers' names and labels begin with. */
  readonly #name = `${readNames().cluster}-load`;
  #ended = false;

  /** Builds the image and starts all. @throws with Docker's words */
  async begin(): Promise<void> {
    await this.#remove();
    await buildSample(this.#name);
    await this.#docker('network', 'create', this.#name);
    const { serviceDefaults, postgresql } = parse(readFileSync(DEFAULTS, 'utf8'));
    await this.#start('postgres', '--env', 'POSTGRES_PASSWORD=load', postgresql.image);
    await this.#answers('postgres', 'pg_isready', '--host=127.0.0.1', '--username=postgres');
    await this.#docker(
      ...['run', '--rm', '--network', this.#name, ...VARIABLES, this.#name, 'node', 'dist/migrate.js'],
    );
    const insert = `insert into "${SAMPLE}".items (name) select 'item ' || n from generate_series(1, ${ROWS}) n`;
    await this.#exec('postgres', 'psql', '--username=postgres', '--quiet', '--command', insert);
    // Docker writes Mi as M.
    const memory = serviceDefaults.resources.limits.memory.replace(/i$/, '');
    const app = ['--cpus', '1', '--memory', memory, ...VARIABLES, this.#name];
    await this.#start('chassis', ...app);
    await this.#start('bare', ...app, 'node', '--eval', BARE_APP);
    const get = `fetch('http://127.0.0.1:${PORT}/').then(({ ok }) => process.exit(ok ? 0 : 1))`;
    for (const each of APPS) await this.#answers(each, 'node', '--eval', get);
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#remove();
  }

  /** As many requests as there is time for, over so many connections. @throws {Fault} when not all are served */
  async load(app: App, connections: number, seconds: number): Promise<Load> {
    const before = await this.#cpu(app);
    const options = ['--connections', String(connections), '--duration', String(seconds), '--json', '--no-progress'];
    const program = ['node', '/load/node_modules/autocannon/autocannon.js', ...options, `http://${app}:${PORT}/`];
    // As root, who may read the clone whatever its umask.
    const mount = ['--user', 'root', '--volume', `${resolve('node_modules')}:/load/node_modules:ro`];
    const report = await this.#docker('run', '--rm', ...this.#labels(), ...mount, this.#name, ...program);
    const { requests, latency, errors, non2xx, '2xx': answers } = JSON.parse(report);
    if (errors + non2xx > 0) throw new Fault(`${app} has not served ${errors + non2xx} of ${requests.sent} requests`);
    const cpu = ((await this.#cpu(app)) - before) / answers;
    return { rate: requests.average, p99: latency.p99, cpu };
  }

  /** MiB that an app's process has in memory. */
  async memory(app: App): Promise<number> {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(await this.#exec(app, 'cat', '/proc/1/status')) ?? [];
    return Number(kibibytes) / 1024;
  }

  /** Milliseconds that an app's process has computed since its start. */
  async #cpu(app: App): Promise<number> {
    const stat = await this.#exec(app, 'cat', '/proc/1/stat');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  #start(name: string, ...args: string[]): Promise<string> {
    const names = ['--name', this.#container(name), '--network-alias', name];
    // As in a cluster, where logs are cut; Docker's own default keeps all.
    const log = ['--log-driver', 'json-file', '--log-opt', 'max-size=10m'];
    return this.#docker('run', '--detach', ...this.#labels(), ...names, ...log, ...args);
  }

  async #answers(name: string, ...command: string[]): Promise<void> {
    const isThere = async () => (await ask('docker', 'exec', this.#container(name), ...command)).ok;
    for (const end = Date.now() + START_MS; !(await isThere()); await sleep(200))
      if (this.#ended || Date.now() > end) {
        const { stdout, stderr } = await ask('docker', 'logs', '--tail', '20', this.#container(name));
        throw new Fault(`${this.#container(name)} does not answer`, stdout + stderr);
      }
  }

  #container(name: string): string {
    return `${this.#name}-${name}`;
  }

  #labels(): string[] {
    return ['--label', this.#name, '--network', this.#name];
  }

  #exec(name: string, ...command: string[]): Promise<string> {
    return this.#docker('exec', this.#container(name), ...command);
  }

  async #docker(...args: string[]): Promise<string> {
    if (this.#ended) throw new Fault('The contest has ended');
    return capture('docker', args);
  }

  /** What there is of a contest, also of one before that was killed. */
  async #remove(): Promise<void> {
    const { stdout } = await ask('docker', 'ps', '--all', '--quiet', '--filter', `label=${this.#name}`);
    const containers = stdout.split('\n').filter(Boolean);
    if (containers.length > 0) await capture('docker', ['rm', '--force', '--volumes', ...containers]);
    await ask('docker', 'network', 'rm', this.#name);
    await ask('docker', 'rmi', this.#name);
  }
}

const VARIABLES = Object.entries({
  PORT: String(PORT),
  MANAGEMENT_PORT: '9090',
  PGHOST: 'postgres',
  PGDATABASE: 'postgres',
  PGUSER: 'postgres',
  PGPASSWORD: 'load',
}).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
