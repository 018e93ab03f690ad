import { ServiceClient } from '@stand/chassis/client';
import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { problemHandler } from '@stand/chassis/problem';
import { expect } from 'chai';
import express, { type Express } from 'express';
import { startApp } from '../../../test/setup/app.ts';
import { listen, type Running, send, until } from '../../../test/setup/http.ts';

const HEADER = 'x-request-timeout-ms';

/** A service that asks the one behind it, and hands its answer back. */
function createRelay(behind: ServiceClient, { logger, health }: { logger: Logger; health: Health }): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.post('/later', (req, res) => {
    res.json({});
    res.once('close', () => behind.call('/', { requestId: req.id }));
  });
  app.use(async (req, res) => {
    const answer = await behind.call('/', { requestId: req.id, method: req.method, body: req.body });
    res.status(answer.status).json(await answer.json());
  });
  app.use(problemHandler);
  return app;
}

describe('the time for a request', () => {
  const running: Running[] = [];
  /** What the last service has been told it has, in order. */
  const told: number[] = [];
  let silent: Running;
  let relay: Running;

  async function startRelay(name: string, url: string): Promise<Running> {
    const app = await startApp((given) => createRelay(new ServiceClient(name, url), given));
    running.push(app);
    return app;
  }

  before(async () => {
    silent = await listen(() => {});
    const telling = await listen((req, res) => {
      told.push(Number(req.headers[HEADER]));
      res.end('{}');
    });
    running.push(silent, telling);
    relay = await startRelay('telling', telling.url);
  });
  after(async () => {
    for (const each of running) await each.close();
  });
  beforeEach(() => {
    told.length = 0;
  });

  it('is shorter behind each service of a chain, so that the caller learns who was silent', async () => {
    const third = await startRelay('silent', silent.url);
    const second = await startRelay('third', third.url);
    const first = await startRelay('second', second.url);
    for (const method of ['GET', 'POST']) {
      const { status, body } = await send(first.url, { method, ...(method === 'POST' && { body: {} }) });
      expect([status, body.detail]).to.deep.equal([504, 'silent did not answer in time']);
    }
  });

  it('is what the caller says that it waits, less what the answer takes', async () => {
    await send(relay.url, { headers: { [HEADER]: '2000' } });
    await send(relay.url, { method: 'POST', body: {}, headers: { [HEADER]: '2000' } });
    expect(told).to.have.length(2);
    for (const ms of told) expect(ms).to.be.within(0, 1500);
  });

  for (const value of ['5001', '999999999', '99999999999', '-1', '1e3', '0x10', '1.5', 'NaN', 'x', '1, 2', '', ' '])
    it(`is five seconds at most, also when the caller says “${value}”`, async () => {
      await send(relay.url, { headers: { [HEADER]: value } });
      expect(told[0]).to.be.within(2000, 4500);
    });

  for (const value of ['0', '1', '0000'])
    it(`is none for a call when the caller says “${value}”`, async () => {
      const { status, body } = await send(relay.url, { headers: { [HEADER]: value } });
      expect([status, body.detail]).to.deep.equal([504, 'No time was left to ask telling']);
    });

  it('is over with its answer: what goes on later has five seconds of its own', async () => {
    await send(`${relay.url}/later`, { method: 'POST', headers: { [HEADER]: '1' } });
    expect(await until(() => told[0])).to.be.within(2000, 5000);
  });

  it('ends the attempts to reach a service that is away', async () => {
    const gone = await listen(() => {});
    await gone.close();
    const before = await startRelay('gone', gone.url);
    const { status, body } = await send(before.url, { headers: { [HEADER]: '700' } });
    expect([status, body.detail]).to.deep.equal([503, 'gone is not reachable at the moment']);
  });
});
