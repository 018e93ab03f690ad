import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { createDatabase } from '../../../test/setup/database.ts';
import { send, until } from '../../../test/setup/http.ts';
import type { Service } from '../../../test/setup/service.ts';
import { startFixture } from './process.ts';

const get = (path: string, ...headers: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: x', ...headers, '', ''].join('\r\n');

interface Hanging {
  request: string;
  /** What the client has got when it hangs. */
  answer?: RegExp;
  withDatabase?: true;
}

const kinds: Record<string, Hanging> = {
  'no answer': { request: get('/hangs') },
  'half an answer': { request: get('/hangs-halfway'), answer: /half/ },
  'an event stream': { request: get('/events'), answer: /tick/ },
  'an upgraded socket': { request: get('/', 'Connection: Upgrade', 'Upgrade: echo'), answer: /101 / },
  'a slow upload': {
    request: 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  },
  'half a request': { request: 'GET / HTTP/1.1\r\n' },
  'a connection without a request': { request: '' },
  'a database connection that nobody gives back': { request: get('/lends'), answer: /lent/, withDatabase: true },
};

/** The least and the most that a stop takes, in ms. A second is what SIGINT has; the rest is the machine's own. */
const signals: [signal: NodeJS.Signals, least: number, most: number][] = [
  ['SIGINT', 0, 3000],
  ['SIGTERM', 8000, 25_000],
];

for (const [signal, least, most] of signals)
  describe(`a service process ends on ${signal}, with 0, whatever hangs:`, () => {
    const stopping: Record<string, Promise<{ code: number | null; ms: number }>> = {};
    const services: Service[] = [];

    async function stop({ request, answer, withDatabase }: Hanging) {
      const service = withDatabase
        ? startFixture('database-server.ts', { PORT: '0', ...(await createDatabase()).env })
        : startFixture('server.ts', { PORT: '0' });
      services.push(service);
      const socket = await hang(await service.url(), request, answer);
      const closed = once(socket, 'close');
      // Answered only after what came before it has arrived, too.
      await send(`${await service.url()}/livez`);
      const begin = Date.now();
      service.process.kill(signal);
      const code = await service.exit();
      const ms = Date.now() - begin;
      await closed;
      return { code, ms };
    }

    before(() => {
      for (const [kind, hanging] of Object.entries(kinds)) stopping[kind] = stop(hanging);
    });
    after(() => {
      for (const { process } of services) process.kill('SIGKILL');
    });

    for (const kind of Object.keys(kinds))
      it(kind, async () => {
        const stopped = await stopping[kind];
        expect(stopped?.code).to.equal(0);
        expect(stopped?.ms).to.be.within(least, most);
      });
  });

async function hang(url: string, request: string, answer: RegExp | undefined): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  socket.write(request);
  if (answer) await until(() => answer.test(text));
  return socket;
}
