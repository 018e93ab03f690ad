/**
 * Breaks the calls of the service of the working directory, in development, as make fault asks. While a fault is set, the
 * variables that lead to a callee lead to a server of this process, which passes on what the fault leaves of it. The
 * service starts anew for it, as after a save, so no connection from before lives on; without a fault nothing is in
 * the way. Whoever can write into the service's folder can set one, and nobody who can only call it.
 */
const { once } = require('node:events');
const { readFileSync, rmSync, watch } = require('node:fs');
const http = require('node:http');
const net = require('node:net');

/** In the service's folder, what make fault wants: `{ to, setting }`, without a setting the end of it. Read, it goes. */
const LETTER = '.fault';
const HOST = '127.0.0.1';
const DATABASE = 'postgresql';

const UNITS = { ms: 1, s: 1000, m: 60_000 };
const HOUR_MS = 3_600_000;

/** The problem's type (RFC 9457), by which people tell it from what the callee says itself. */
const TYPE = 'urn:problem:fault';

/** ReadyForQuery outside of a transaction: https://www.postgresql.org/docs/18/protocol-message-formats.html */
const READY_FOR_QUERY = Buffer.from('Z\0\0\0\x05I');

/** By the name of its argument, what each fault makes of a callee, in words and as a server in its place. */
const KINDS = {
  DELAY: {
    say: (to, time) => `each answer of ${to} comes ${time} late`,
    create: ({ address, value }) => relay(address, (callee, client) => holdBack(callee, client, delayOf(value))),
  },
  REFUSE: {
    say: (to) => `${to} refuses connections`,
    create: () => net.createServer((client) => client.resetAndDestroy()),
  },
  ANSWER: {
    say: (to, status) => `${to} answers ${status}`,
    create: ({ to, value }) => http.createServer((req, res) => answer(req, res, to, Number(value))),
  },
  CUT: {
    say: (to) => `each answer of ${to} is cut off in the middle`,
    create: ({ to, address }) => relay(address, (callee, client) => cutOff(callee, client, to === DATABASE)),
  },
};

/** Those in force, by callee: the setting, such as DELAY=2s, the server, and the variables as they are without it. */
const faults = new Map();

/** Heeds the letters to come. `say` writes an event of the log, `restart` starts the service anew. */
function heedLetters(say, restart) {
  rmSync(LETTER, { force: true });
  let last = Promise.resolve();
  const heed = () => {
    last = last
      .then(() => takeUp(say, restart))
      .catch(({ message }) => say('error', `fault: not as it was asked for, ${message}`));
  };
  watch('.', (_event, file) => file === LETTER && heed()).on('error', () => {});
}

async function takeUp(say, restart) {
  const letter = takeLetter();
  if (!letter) return;
  const { to, setting } = JSON.parse(letter);
  clear(to);
  if (setting) await set(to, setting);
  const [kind, value] = setting?.split('=') ?? [];
  say('warn', `fault: ${kind ? KINDS[kind].say(to, value) : `${to} is reached as ever`}`);
  // The service's process tells it in /livez.
  process.env.CHASSIS_FAULTS = JSON.stringify(inForce());
  restart();
}

function takeLetter() {
  try {
    return readFileSync(LETTER, 'utf8');
  } catch {
    return undefined;
  } finally {
    rmSync(LETTER, { force: true });
  }
}

const inForce = () => Object.fromEntries([...faults].map(([to, { setting }]) => [to, setting]));

function clear(to) {
  const { server, before } = faults.get(to) ?? {};
  server?.close();
  Object.assign(process.env, before);
  faults.delete(to);
}

async function set(to, setting) {
  const [kind, value] = setting.split('=');
  const { address, before, leadTo } = wayTo(to);
  const server = KINDS[kind].create({ to, address, value }).listen(0, HOST);
  await once(server, 'listening');
  Object.assign(process.env, leadTo(server.address().port));
  faults.set(to, { setting, server, before });
}

/** Where a callee is, by which variables, and what these are for another port here. @throws where there are none */
function wayTo(to) {
  const { PGHOST, PGPORT = '5432' } = process.env;
  if (to === DATABASE && PGHOST)
    return {
      address: { host: PGHOST, port: Number(PGPORT) },
      before: { PGHOST, PGPORT },
      leadTo: (port) => ({ PGHOST: HOST, PGPORT: String(port) }),
    };
  const name = `${to.toUpperCase().replaceAll('-', '_')}_URL`;
  const url = new URL(process.env[name]);
  return {
    address: { host: url.hostname, port: Number(url.port || 80) },
    before: { [name]: process.env[name] },
    leadTo: (port) => ({ [name]: Object.assign(new URL(url), { host: `${HOST}:${port}` }).href }),
  };
}

/** Hands on what clients say; `hand` does so with what the callee answers. */
function relay(address, hand) {
  return net.createServer((client) => {
    const callee = net.connect(address);
    client.on('error', () => {}).once('close', () => callee.destroy());
    callee.on('error', () => {});
    client.pipe(callee);
    hand(callee, client);
  });
}

function holdBack(callee, client, ms) {
  callee
    .on('data', (part) => setTimeout(() => client.write(part), ms))
    .once('close', () => setTimeout(() => client.end(), ms));
}

/** In the first answer; PostgreSQL lets in a client first, or no statement would ever reach it. */
function cutOff(callee, client, isDatabase) {
  let isGreeting = isDatabase;
  callee
    .on('data', (part) => {
      if (!isGreeting) callee.pause();
      const kept = isGreeting ? part : part.subarray(0, Math.ceil(part.length / 2));
      client.write(kept, () => callee.isPaused() && client.resetAndDestroy());
      isGreeting &&= !part.subarray(-READY_FOR_QUERY.length).equals(READY_FOR_QUERY);
    })
    .once('close', () => client.end());
}

function answer(req, res, to, status) {
  req.resume();
  const detail = `${to} answers ${status} as make fault has it`;
  const requestId = req.headers['x-request-id'];
  res
    .writeHead(status, { 'content-type': 'application/problem+json; charset=utf-8' })
    .end(JSON.stringify({ type: TYPE, title: http.STATUS_CODES[status], status, detail, requestId }));
}

/** A time such as 500ms, 2s or 1m, in ms; undefined for what is none, or more than an hour. */
function delayOf(text) {
  const [, number, unit] = /^([1-9]\d*)(ms|s|m)$/.exec(text) ?? [];
  const ms = Number(number) * UNITS[unit];
  return ms <= HOUR_MS ? ms : undefined;
}

module.exports = { DATABASE, LETTER, delayOf, heedLetters, inForce };
