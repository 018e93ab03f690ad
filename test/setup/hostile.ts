/** Requests as no honest client sends them, and what holds for the answer to each. */
import { expect } from 'chai';
import fc from 'fast-check';
import { send, sendRaw, until } from './http.ts';

/** A request that is right, to make others of. */
export interface Route {
  method: string;
  path: string;
  body?: object;
}

const SEED = 20261126;
const MAX_PROBLEM = 16 * 1024;
const MAX_GROWTH = 64 * 1024 * 1024;
const MARK = '@mark@';

const METHODS = [
  'HEAD',
  'OPTIONS',
  'DELETE',
  'PUT',
  'PATCH',
  'POST',
  'TRACE',
  'PROPFIND',
  'CONNECT',
  'BREW',
  'get',
  '',
];
const VERSIONS = ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/9', 'http/1.1', 'FTP/1.1', ''];

const SEGMENTS = [
  ...[
    '%',
    '%00',
    '%2e%2e%2f',
    '..',
    '.',
    '%ff',
    '%E0%80',
    '%F0%9F%92%A5',
    'é',
    ';',
    '#',
    '?',
    '*',
    '\\',
    '%5c',
    '%0d%0a',
  ],
  ...['-1', '0', '00', '1e9', '0x10', '1.5', '2147483648', '99999999999999999999', 'NaN', 'null', '%20', '%27%3b--'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '[object Object]',
    '01890a5d-ac96-774b-bcce-b302099a8057',
  ],
  ...['a'.repeat(3000), 'a'.repeat(20_000), '%25'.repeat(500)],
];
const TARGETS = [
  ...['*', '//', '/%', '/.', '/..', '/../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '///x', 'http://', 'http://?a'],
  ...['x://', 'http:', '?', '', '\\'],
];
const QUERIES = ['limit', 'search', 'a', '__proto__', 'limit[]', 'search[a]', '%', '%00'].flatMap((name) =>
  ['', '=', '=-1', '=1e9', '=%00', '=%ff', '=%F0%9F%92%A5', `=${'x'.repeat(2000)}`, '=1&limit=2'].map(
    (value) => `?${name}${value}`,
  ),
);

const HEADERS = [
  ...['Content-Type: text/plain', 'Content-Type: application/json; charset=utf-7', 'Content-Type: ,', 'Content-Type:'],
  ...['Content-Type: application/x-www-form-urlencoded', 'Content-Type: multipart/form-data', 'Content-Encoding: gzip'],
  ...[
    'Content-Encoding: br',
    'Content-Encoding: x',
    'Accept: text/html',
    'Accept: ;q=x',
    'Accept-Encoding: gzip;q=nan',
  ],
  ...['Range: bytes=0-', 'Range: bytes=9-1', 'Range: x', 'Expect: 100-continue', 'Expect: much', 'If-None-Match: *'],
  ...[
    'If-Modified-Since: never',
    'Upgrade: websocket',
    'Upgrade: h2c',
    'HTTP2-Settings: x',
    'Host: a',
    'Host: ',
    'Host: é',
  ],
  ...[
    'X-Request-Id: \t',
    'X-Request-Id: a b',
    `X-Request-Id: ${'x'.repeat(1000)}`,
    'X-Request-Id: "><script>',
    'X-Request-Id: é',
  ],
  ...['Idempotency-Key: ', 'Idempotency-Key: é', `Idempotency-Key: ${'k'.repeat(300)}`, 'Idempotency-Key: a\tb'],
  ...['X-Forwarded-For: x', 'X-Forwarded-Host: x', 'Forwarded: for=x', 'X-HTTP-Method-Override: DELETE', 'Cookie: a=%'],
  ...[
    'Authorization: Basic x',
    '__proto__: x',
    'constructor: x',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip',
  ],
  ...[
    'Transfer-Encoding: chunked, x',
    'Content-Length: 1',
    'Content-Length: -1',
    'Content-Length: x',
    'Content-Length: 1e3',
  ],
  ...[
    'Content-Length: 99999999999999999999',
    'Trailer: x',
    ' folded: x',
    'no colon',
    ': x',
    'a b: x',
    `Y: ${'y'.repeat(20_000)}`,
  ],
];

/** As they stand in a body; not all of them are JSON. */
const VALUES = [
  ...['null', 'true', '-1', '0', '-0', '1.5', '1e400', '1e-400', '2147483648', '9007199254740993', 'NaN', '01', ''],
  ...[
    '""',
    '" "',
    '"\\u0000"',
    '"\\ud800"',
    '"\\udc00x"',
    '"\u202e"',
    '"é"',
    '"e\u0301"',
    '"1"',
    '"__proto__"',
    '"\t"',
  ],
  ...[
    '[]',
    '{}',
    '[[]]',
    '{"__proto__":{"a":1}}',
    '{"constructor":{"prototype":{}}}',
    '{"a":1,"a":2}',
    '{"length":-1}',
  ],
  ...[
    '[',
    '{"',
    '"',
    '['.repeat(5000),
    `${'['.repeat(200)}${']'.repeat(200)}`,
    `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`,
  ],
  ...[
    `[${Array(30_000).fill('{}')}]`,
    `[${Array(20_000).fill('1')}]`,
    `"${'x'.repeat(5000)}"`,
    `"${'x'.repeat(110_000)}"`,
  ],
  `{${Array.from({ length: 5000 }, (_, n) => `"k${n}":${n}`)}}`,
];

/**
 * Sends an app `count` requests, the same ones at each run, each over a connection of its own. fast-check makes the first
 * that breaks a rule as small as it can and prints it.
 */
export async function endure(url: string, routes: Route[], count: number, managed = url): Promise<void> {
  const port = Number(new URL(url).port);
  const options = { seed: SEED, endOnFailure: false };
  const attack = (numRuns: number): Promise<void> =>
    fc.assert(
      fc.asyncProperty(requests(routes), async (request) => check(request, await sendRaw(port, request))),
      { ...options, numRuns },
    );
  // What is loaded and cached at the first time stays.
  await attack(Math.ceil(count / 5));
  const before = await memory(managed);
  await attack(count);
  await until(async () => (await memory(managed)) < before + MAX_GROWTH);
}

function requests(routes: Route[]): fc.Arbitrary<string> {
  return fc.constantFrom(...routes).chain((route) => {
    const bodies = route.body ? [...marked(route.body)].map((body) => JSON.stringify(body)) : [];
    return fc
      .record({
        method: mostly(route.method, METHODS),
        target: targets(route.path),
        query: mostly('', QUERIES),
        version: fc.oneof({ weight: 19, arbitrary: fc.constant('HTTP/1.1') }, fc.constantFrom(...VERSIONS)),
        headers: fc.array(fc.constantFrom(...HEADERS), { maxLength: 2 }),
        body: fc.option(fc.constantFrom(...bodies, JSON.stringify(MARK)), { freq: 5, nil: '' }),
        value: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...VALUES) }, fc.json()),
      })
      .map(({ method, target, query, version, headers, body, value }) => {
        const content = body.replace(JSON.stringify(MARK), () => value);
        const own =
          content === '' ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(content)}`];
        const names = headers.map((line) => line.split(':')[0]);
        const others = ['Host: localhost', ...own].filter((line) => !names.includes(line.split(':')[0]));
        const lines = [`${method} ${target}${query} ${version}`, ...others, ...headers, 'Connection: close'];
        return `${lines.join('\r\n')}\r\n\r\n${content}`;
      });
  });
}

const mostly = (right: string, others: string[]): fc.Arbitrary<string> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(right) }, fc.constantFrom(...others));

/** The right path, with another segment in place of one of its own or behind them, or something else. */
function targets(path: string): fc.Arbitrary<string> {
  const segments = path.split('/').slice(1);
  const other = fc.tuple(fc.nat(segments.length), fc.oneof(fc.constantFrom(...SEGMENTS), fc.webSegment()));
  return fc.oneof(
    { weight: 6, arbitrary: fc.constant(path) },
    { weight: 6, arbitrary: other.map(([place, segment]) => `/${segments.toSpliced(place, 1, segment).join('/')}`) },
    fc.constantFrom(...TARGETS, `http://example.com${path}`, `${path}/`, `/${path}`, path.toUpperCase()),
  );
}

/** A value, each time with another of its parts replaced by MARK. */
function* marked(value: unknown): Generator<unknown> {
  yield MARK;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value))
    for (const other of marked(part))
      yield Array.isArray(value) ? value.with(Number(key), other) : { ...value, [key]: other };
  if (!Array.isArray(value)) yield { ...value, more: MARK };
}

function check(request: string, { text }: { text: string }): void {
  const [head = '', ...rest] = text.replace(/^HTTP\/1\.1 100 .*?\r\n\r\n/s, '').split('\r\n\r\n');
  const status = Number(/^HTTP\/1\.1 (\d+) /.exec(head)?.[1]);
  expect(status, 'status').to.be.within(200, 499);
  expect(head, 'head').to.match(/^x-request-id: [\w.:-]{1,128}$/im);
  if (status < 400) return;
  expect(Buffer.byteLength(text), 'length').to.be.below(MAX_PROBLEM + 4096);
  if (!request.startsWith('HEAD ')) expect(JSON.parse(rest.join('\r\n\r\n'))).to.include({ status });
  expect(head).to.match(/^content-type: application\/problem\+json/im);
  expect(text).to.not.match(/\n\s+at |node_modules|\.ts:\d|syntax error|pg_|relation "/);
}

async function memory(url: string): Promise<number> {
  const { text } = await send(`${url}/metrics`);
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
}
