import { ServiceClient } from '@stand/chassis/client';
import { expect } from 'chai';
import express from 'express';
import type { Values } from '../../scripts/facts/values.ts';
import { startApp } from '../setup/app.ts';
import { compareEdges } from '../setup/edges.ts';
import { listen, send, until } from '../setup/http.ts';

const SERVICES = {
  front: { needs: ['store'], uses: ['clock'] },
  store: { needs: [], uses: [] },
  clock: { needs: [], uses: [] },
} as unknown as Values['services'];

const IN = 'services.front in helm/app/values.yaml';

const calls = (...callees: string[]): string =>
  callees
    .flatMap((service) => [
      `http_client_request_duration_seconds_bucket{le="10",service="${service}",http_request_method="GET"} 1`,
      `http_client_request_duration_seconds_count{service="${service}",http_request_method="GET"} 1`,
    ])
    .join('\n');

describe('the edges that are called', () => {
  for (const [what, metrics, sentences] of [
    ['as declared', [calls('store', 'clock')], []],
    ['as declared, by several pods together', [calls('store'), calls('clock', 'store')], []],
    ['one not at all', [calls('store'), ''], [`front never called clock, which is in uses of ${IN}`]],
    [
      'another one',
      [calls('store', 'payments', 'clock')],
      [`front calls payments, which is not in needs or uses of ${IN}`],
    ],
    [
      'none but another one',
      [calls('payments')],
      [
        `front calls payments, which is not in needs or uses of ${IN}`,
        `front never called store, which is in needs of ${IN}`,
        `front never called clock, which is in uses of ${IN}`,
      ],
    ],
  ] as const)
    it(`are told apart from those that are declared: ${what}`, () => {
      expect(compareEdges(SERVICES, { front: [...metrics], store: [''] })).to.deep.equal(sentences);
    });

  it('are read from what a service answers at /metrics', async () => {
    const store = await listen((_req, res) => res.end());
    const app = await startApp(({ health }) => express().use(health.router));
    await new ServiceClient('another', store.url).call('/', { requestId: '1' });
    await until(async () => {
      const { text } = await send(`${app.url}/metrics`);
      return compareEdges(SERVICES, { store: [text] }).some((sentence) => sentence.startsWith('store calls another,'));
    });
    await Promise.all([store.close(), app.close()]);
  });
});
