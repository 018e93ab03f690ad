/** A service of nothing but the chassis: in a test's process, or with `server.ts` in one of its own. */
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { api } from '@stand/chassis/api';
import { ServiceClient } from '@stand/chassis/client';
import { transaction } from '@stand/chassis/database';
import type { Health } from '@stand/chassis/health';
import type { Logger } from '@stand/chassis/logger';
import { chassis } from '@stand/chassis/middleware';
import { notFound, Problem, parse, problemHandler } from '@stand/chassis/problem';
import { list } from '@stand/chassis/schema';
import express, { type Express, type Request, Router } from 'express';
import pg, { type Pool, type QueryResult } from 'pg';
import * as v from 'valibot';

const Echo = v.strictObject({ text: v.string(), list: list(v.object({ n: v.number() }), { max: 100 }) });

export function createFixture({ logger, health, pool }: { logger: Logger; health: Health; pool?: Pool }): Express {
  const app = express();
  app.use(chassis({ logger, health }));
  app.use(api({ title: 'fixture', version: '1.0.0' }, []));
  app.get('/slow', async (req, res) => {
    await sleep(Number(req.query.ms));
    res.json({ done: true });
  });
  app.get('/hangs', () => {});
  app.get('/hangs-halfway', (_req, res) => {
    res.write('half');
  });
  app.get('/events', (_req, res) => {
    const timer = setInterval(() => res.write('data: tick\n\n'), 100);
    res
      .type('text/event-stream')
      .once('close', () => clearInterval(timer))
      .flushHeaders();
  });
  app.get('/lends', async (_req, res) => {
    await pool?.connect();
    res.json({ lent: true });
  });
  app.get('/large', (_req, res) => res.json({ text: 'x'.repeat(10_000) }));
  app.get('/query', async (req, res) => res.json((await pool?.query(String(req.query.sql)))?.rows));
  app.get('/every-way', async (_req, res) => res.json(await queryInEveryWay(pool as Pool)));
  app.get('/calls', async (req, res) => {
    const answer = await new ServiceClient('other', String(req.query.url)).call('/', { requestId: req.id });
    res.status(answer.status).json(await answer.json());
  });
  app.get('/loaded', (_req, res) => res.json(Object.keys(require.cache)));
  app.post('/echo', (req, res) => res.json(parse(Echo, req.body)));
  app.get('/throws', () => {
    throw new Error('the secret is 42');
  });
  app.get('/rejects', () => Promise.reject(new TypeError('the secret is 42')));
  app.get('/breaks-off', async (_req, res) => {
    await new Promise((sent) => res.write('half', sent));
    throw new Error('the secret is 42');
  });
  app.get('/throws-text', () => {
    throw 'the secret is 42';
  });
  app.get('/streams', async (req, res) => pipeline(breakingStream(req.query), res));
  app.get('/hands-on', (_req, res) => res.status(503).json({ from: 'behind' }));
  app.get('/unavailable', () => {
    throw new Problem(503, 'Not now', {}, new Error('the secret is 42'));
  });
  app.get('/fails-after-answer', async (_req, res) => {
    res.json({ done: true });
    throw new Error('the secret is 42');
  });
  app.get('/fails-late/:how', (req, res) => {
    res.once('finish', () => setImmediate(() => failures[req.params.how]?.())).json({ done: true });
  });
  app.use('/things', things());
  app.use('/owners/:owner/things', things());
  app.use(notFound, problemHandler);
  return app;
}

/** Statements 1 to 8 in the ways that node-postgres knows. */
async function queryInEveryWay(pool: Pool): Promise<unknown[]> {
  const promised = [
    await pool.query('select 1 as way'),
    await pool.query('select $1::int as way', [2]),
    await pool.query({ text: 'select $1::int as way', values: [3], name: 'three' }),
    await new Promise<QueryResult>((done) => pool.query('select 4 as way', (_error, result) => done(result))),
    await new Promise<QueryResult>((done) =>
      pool.query('select $1::int as way', [5], (_error, result) => done(result)),
    ),
    await transaction(pool, (client) => client.query('select 6 as way')),
    await new Promise<QueryResult>((done) =>
      pool.connect((_error, client, release) => {
        client?.query({ text: 'select 7 as way' }, (_error, result) => {
          release();
          done(result);
        });
      }),
    ),
  ];
  const client = await pool.connect();
  const query = client.query(new pg.Query('select 8 as way'));
  const [[last]] = await Promise.all([once(query, 'row'), once(query, 'end')]);
  client.release();
  return [...promised.map(({ rows }) => rows[0].way), last.way];
}

/** Ways to fail where nobody catches. */
const failures: Record<string, () => unknown> = {
  throw: () => {
    throw new Error('late');
  },
  timer: () =>
    setTimeout(() => {
      throw new Error('late');
    }, 1),
  rejection: () => Promise.reject(new Error('late')),
  'rejection without an error': () => Promise.reject('late'),
  'rejection with nothing': () => Promise.reject(),
  'throw of an odd object': () => {
    throw Object.create(null);
  },
  emitter: () => new EventEmitter().emit('error', new Error('late')),
  stream: () => breakingStream().resume(),
};

/** Ends with an error once it has given something, or nothing; an endless one doesn't end. */
function breakingStream({ nothing, endless }: Request['query'] = {}): Readable {
  return Readable.from(
    (async function* () {
      if (nothing === undefined) yield 'half';
      do await sleep(20);
      while (endless !== undefined);
      throw new Error('the secret is 42, late');
    })(),
  );
}

function things(): Router {
  const router = Router();
  router.get('/:id', (req, res) => {
    if (req.params.id === 'gone') throw new Problem(410, 'It is gone', { since: 'today' });
    if (req.params.id === 'many') throw new Problem(409, 'Too many', { found: Array(10_000).fill('thing') });
    res.json({ id: req.params.id });
  });
  return router;
}
