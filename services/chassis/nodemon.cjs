/**
 * Runs the service of the working directory in development: nodemon, behind a door that keeps the service's port. A
 * parent that has forked this file, as host mode does, gets messages: 'start', 'serves' at the first connection that
 * the service takes, 'died'. Its message 'restart' starts the service anew; when it goes, the service ends. Where there is
 * no parent, as in the cluster, a service that dies after it has served starts again by itself.
 */
const { subscribe } = require('node:diagnostics_channel');
const { existsSync, readdirSync, watch } = require('node:fs');
const { createServer } = require('node:http');
const { basename, dirname, join, relative, resolve, sep } = require('node:path');
const { finished } = require('node:stream/promises');
const { setTimeout: sleep } = require('node:timers/promises');
const { stripVTControlCharacters } = require('node:util');
const { openDoor } = require('./door.cjs');
const { heedLetters, inForce } = require('./fault-injection.cjs');
const { noteFirst } = require('./migrated.cjs');
const { askLinux } = require('./process-tree.cjs');
const { folderOf, hashSources, IGNORED } = require('./sources.cjs');
const { substituteFor } = require('./substitute.cjs');
const { transpileSources } = require('./transpile.cjs');

const parent = process.send && { send: process.send.bind(process) };
// nodemon would send all that it knows of, the service's output included.
process.send = undefined;
// It would also read the developer's own ~/nodemon.json, which is about other programs.
const { HOME } = process.env;
delete process.env.HOME;
askLinux();
const nodemon = require('nodemon');
if (HOME) process.env.HOME = HOME;

const PAUSE_MS = 1000;
/** SIGINT takes a second at most; what hangs, as in a loop without end, is not waited for any longer. */
const END_MS = 5000;
/** After a change, nodemon has seen it by then. */
const NOTICED_MS = 200;
/** What is kept of a service's output, in characters. */
const MAX_OUTPUT = 8192;
/** How long the output of a service that has ended is waited for: what it has started may hold it open. */
const OUTPUT_MS = 500;

const tell = (type) => parent?.send({ type });

/** The process that was started last: nodemon tells of its own no more than its output. */
let newest;
subscribe('child_process', ({ process: started }) => {
  newest = started;
});

const isPattern = (rule) => /[*?{[]/.test(rule);
const isExclusion = (rule) => rule.startsWith('!');

/**
 * nodemon takes the clone's whole path for a pattern, so that in a folder such as `a[1]`, or below one of those that it
 * ignores by default, such as `coverage`, it never sees a save. Here only what is below the watched folders counts.
 */
function watchFoldersOnly(config) {
  const { options } = config;
  config.dirs = options.watch.map((rule) => resolve(folderOf(rule)));
  const watched = options.watch.map((rule) => (isPattern(rule) ? rule : '**/*'));
  options.monitor = [...watched, ...options.monitor.filter(isExclusion)];
  options.watchOptions = { ...options.watchOptions, disableGlobbing: true, ignored: isIgnored };

  function isIgnored(path) {
    const root = config.dirs.find((dir) => path === dir || path.startsWith(dir + sep)) ?? path;
    return relative(root, path)
      .split(sep)
      .some((part) => IGNORED.test(part));
  }
}

/** Calls `changed` some time after each change in these folders and those that are in them now. */
function watchFolders(folders, changed) {
  let timer;
  const react = () => {
    clearTimeout(timer);
    timer = setTimeout(changed, NOTICED_MS);
  };
  for (const folder of folders.filter(existsSync).flatMap(withSubfolders)) watch(folder, react).on('error', () => {});
}

function withSubfolders(folder) {
  const folders = readdirSync(folder, { withFileTypes: true }).filter(
    (it) => it.isDirectory() && !IGNORED.test(it.name),
  );
  return [folder, ...folders.flatMap(({ name }) => withSubfolders(join(folder, name)))];
}

/** One process of the service, from its start to its end. */
class Run {
  served = false;
  /** Whether it was started by the event that is being told. */
  isNew = true;
  /** Whether nodemon is about to replace it. */
  leaves = false;
  sources = hashSources('.');
  #process;
  #output = '';
  /** Resolves when all of its output has come. */
  #silent;

  constructor(started) {
    const { stdout, stderr } = started;
    this.#process = started;
    queueMicrotask(() => {
      this.isNew = false;
    });
    for (const [from, to] of [
      [stdout, process.stdout],
      [stderr, process.stderr],
    ]) {
      let end = '\n';
      from.on('data', (data) => {
        to.write(data);
        end = String(data).slice(-1);
        this.#output = (this.#output + data).slice(-MAX_OUTPUT);
      });
      // Or the next run's first line would go on with it.
      from.once('end', () => end !== '\n' && to.write('\n'));
    }
    this.#silent = Promise.allSettled([finished(stdout), finished(stderr)]);
  }

  /** nodemon has sent it SIGINT, and would wait for its end. */
  leave() {
    this.leaves = true;
    setTimeout(() => {
      if (!this.#process.kill('SIGKILL')) return;
      say('warn', `killed, as it had not ended within ${END_MS / 1000} s: a loop without end?`);
    }, END_MS).unref();
  }

  /** Why it has ended, by what it has said; where it has not said that itself, a line does. */
  async explain() {
    await Promise.race([this.#silent, sleep(OUTPUT_MS)]);
    const { words: error, isFatal } = lastWords(this.#said);
    const place = locate(error);
    const reason = `${this.served ? 'has ended' : 'does not start'}, ${place ?? this.#end}`;
    if (!isFatal && (this.served || !error)) say('fatal', reason);
    return { reason, error: error || reason, sources: this.sources };
  }

  get #end() {
    const { exitCode, signalCode } = this.#process;
    return signalCode ? `by ${signalCode}` : `exit code ${exitCode}`;
  }

  /** Why nobody can connect to it, although it runs. */
  get silence() {
    return { reason: 'runs, and does not listen', error: this.#said, sources: this.sources };
  }

  get #said() {
    return stripVTControlCharacters(this.#output).trim();
  }
}

/** How a line begins that is an event of the log: its level, as text and as JSON. */
const EVENT = /^(?:\d\d:\d\d:\d\d\.\d{3} |\{"level":")(\w+)/;

/** What an output says at its end: its last event where that is fatal, or what comes after it. */
function lastWords(output) {
  const lines = output.split('\n');
  const last = lines.findLastIndex((line) => EVENT.test(line));
  const isFatal = EVENT.exec(lines[last])?.[1].toLowerCase() === 'fatal';
  return { isFatal, words: lines.slice(isFatal ? last : last + 1).join('\n') };
}

/** An event of the log, as the service itself would write it. */
function say(level, msg) {
  const time = new Date();
  const event = { level, time, service: basename(process.cwd()), msg };
  const clock = `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`;
  const isText = process.env.LOG_FORMAT === 'text';
  console.log(isText ? `${clock} ${level.toUpperCase().padEnd(5)} ${msg}` : JSON.stringify(event));
}

/** The first place in the sources that a text names, such as src/app.ts:12. */
function locate(text) {
  const folder = process.cwd();
  const relativeText = text.replaceAll(`${folder}/`, '').replaceAll(`${dirname(folder)}/`, '../');
  return /(?<![\w/.-])(?:\.\.\/[\w-]+\/)?src\/[\w./-]+\.ts:\d+/.exec(relativeText)?.[0];
}

/** The service that listens at `inside`, kept running. */
class Service {
  #inside;
  #run;
  #substitute;
  #hasServed = false;

  constructor(inside) {
    this.#inside = inside;
    nodemon({ quiet: true, ignoreRoot: [], stdout: false })
      .on('config:update', (config) => {
        watchFoldersOnly(config);
        watchFolders(config.dirs, () => this.#heed());
        // Or nodemon would end with a service that soon ends with exit code 2, as Python does without its file.
        nodemon.on('start', () => {
          config.lastStarted = 0;
          this.#started();
        });
      })
      // That the command is not there: the shell has said it, and nodemon ends.
      .on('error', () => {})
      .on('restart', () => {
        // In the place of one that has ended, the new one is there by now.
        if (!this.#run.isNew) this.#run.leave();
        transpileSources();
      })
      .on('crash', () => this.#died())
      // With a signal it is a restart.
      .on('exit', (signal) => signal ?? this.#died())
      .on('quit', () => nodemon.once('exit', () => process.exit()));
  }

  /** Something at its port has taken a connection. */
  connected() {
    if (this.#substitute || this.#run.served) return;
    this.#run.served = this.#hasServed = true;
    tell('serves');
  }

  /** Answers a request that has waited too long. */
  refuse(req, res) {
    this.#substituteFor(this.#run.silence)(req, res);
  }

  #substituteFor(fault) {
    return substituteFor(basename(process.cwd()), { ...fault, faults: inForce(), hasServed: this.#hasServed });
  }

  #started() {
    this.#substitute?.close();
    this.#substitute = undefined;
    this.#run = new Run(newest);
    tell('start');
  }

  /** nodemon goes by the files' times, which Tilt copies in whole seconds, so it misses the second save in one. */
  #heed() {
    if (!this.#run.leaves && hashSources('.') !== this.#run.sources) nodemon.restart();
  }

  async #died() {
    const run = this.#run;
    tell('died');
    const fault = await run.explain();
    if (run !== this.#run) return;
    this.#substitute = createServer(this.#substituteFor(fault)).listen(this.#inside, '127.0.0.1');
    if (run.served && !parent) setTimeout(() => run === this.#run && nodemon.restart(), PAUSE_MS);
  }
}

async function main() {
  const { PORT } = process.env;
  if (!PORT) throw new Error('PORT is not set');
  if (!parent) noteFirst();
  let service;
  const inside = await openDoor(
    Number(PORT),
    () => service.connected(),
    (req, res) => service.refuse(req, res),
  );
  process.env.PORT = String(inside);
  transpileSources();
  service = new Service(inside);
  heedLetters(say, () => nodemon.restart());
}

process.once('disconnect', () => process.kill(-process.pid, 'SIGINT'));
main().catch(({ message }) => {
  console.error(message);
  process.exit(1);
});
