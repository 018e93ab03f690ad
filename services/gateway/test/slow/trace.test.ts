import { spawn } from 'node:child_process';
import { expect } from 'chai';
import { jaegerConfig } from '../../../../scripts/host/jaeger.ts';
import { freePort } from '../../../../scripts/host/postgres.ts';
import { which } from '../../../../scripts/machine/command.ts';
import { createDatabase, withClient } from '../../../../test/setup/database.ts';
import { getJson, send, until } from '../../../../test/setup/http.ts';
import { needsServices } from '../../../../test/setup/needs.ts';
import { startReceiver } from '../../../../test/setup/otlp.ts';
import { type Service, startService } from '../../../../test/setup/service.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const GIVEN = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01`, baggage: 'customer=7' };

/** A span as `service name`, below the one that it is part of. */
type Tree = { [span: string]: Tree };

/** What shows traces: its OTLP address, and the spans that it has of one. */
interface Viewer {
  endpoint: string;
  spans(traceId: string): Promise<Span[]>;
  end(): unknown;
}

interface Span {
  id: string;
  parent: string | undefined;
  service: string;
  name: string;
  text: unknown;
}

/** The whole shop, each service a process of its own, and Jaeger, or where there is none, who receives as it does. */
describe('the trace of an order', () => {
  needsServices('catalog', 'orders');
  const services: Service[] = [];
  let viewer: Viewer;
  let url: string;

  before(async () => {
    viewer = which('jaeger') ? await startJaeger() : await startStandIn();
    const database = await createDatabase('catalog', 'orders');
    await withClient(database, (client) =>
      client.query(`insert into catalog.products (sku, name, price_cents, stock) values ('mug', 'Mug', 1450, 9)`),
    );
    const start = (name: string, env: Record<string, string>): Promise<string> => {
      const service = startService(name, { PORT: '0', OTEL_EXPORTER_OTLP_ENDPOINT: viewer.endpoint, ...env });
      services.push(service);
      return service.url();
    };
    const CATALOG_URL = await start('catalog', database.env);
    const ORDERS_URL = await start('orders', { ...database.env, CATALOG_URL });
    url = await start('gateway', { CATALOG_URL, ORDERS_URL, TRACES_URL: 'http://localhost:16686' });
  });
  after(async () => {
    for (const { process } of services) process.kill('SIGKILL');
    await viewer?.end();
  });

  it('leads from its caller through all services to each statement', async () => {
    const body = { items: [{ productId: 1, quantity: 2 }] };
    const { status, headers } = await send(`${url}/api/orders`, { method: 'POST', headers: GIVEN, body });
    expect([status, headers.get('x-trace-id')]).to.deep.equal([201, TRACE]);

    // The last span of each service.
    const lasts = ['gateway POST /api/orders', 'orders POST /orders', 'catalog PUT /reservations/:orderId'];
    const spans = await until(async () => {
      const all = await viewer.spans(TRACE);
      return lasts.every((last) => all.some(({ service, name }) => `${service} ${name}` === last)) && all;
    });
    const tree = treeBelow('00f067aa0ba902b7', spans);
    const placed = tree['gateway POST /api/orders']?.['gateway POST']?.['orders POST /orders'];
    expect(Object.keys(placed?.['orders PUT'] ?? {})).to.deep.equal(['catalog PUT /reservations/:orderId']);
    const texts = spans.map(({ text }) => String(text));
    for (const statement of [
      /^insert into orders\.orders/,
      /^begin$/,
      /^update catalog\.products set stock/,
      /^commit$/,
    ])
      expect(
        texts.some((text) => statement.test(text)),
        String(statement),
      ).to.equal(true);
    expect(texts.join()).to.not.contain('Mug');
  });

  it('is in the lines of all services, and the page learns where it is', async () => {
    const headers = { traceparent: GIVEN.traceparent.replace('4bf92f', 'a'.repeat(6)) };
    await send(`${url}/api/orders`, { method: 'POST', headers, body: { items: [{ productId: 1, quantity: 1 }] } });
    const trace_id = TRACE.replace('4bf92f', 'a'.repeat(6));
    for (const { lines } of services) await until(() => lines.some((line) => line.trace_id === trace_id));
    expect((await send(`${url}/api/status`)).body.tracesUrl).to.equal('http://localhost:16686');
  });
});

function treeBelow(parent: string, spans: Span[]): Tree {
  const children = spans.filter((span) => span.parent === parent);
  return Object.fromEntries(children.map(({ id, service, name }) => [`${service} ${name}`, treeBelow(id, spans)]));
}

async function startStandIn(): Promise<Viewer> {
  const { url, spans, close } = await startReceiver();
  return {
    endpoint: url,
    spans: async (id) =>
      spans.flatMap(({ traceId, spanId, parentSpanId, service, name, attributes }) =>
        traceId === id ? { id: spanId, parent: parentSpanId, service, name, text: attributes['db.query.text'] } : [],
      ),
    end: close,
  };
}

interface Found {
  data: {
    processes: Record<string, { serviceName: string }>;
    spans: {
      spanID: string;
      operationName: string;
      processID: string;
      references: { spanID: string }[];
      tags: { key: string; value: unknown }[];
    }[];
  }[];
}

/** On ports of this test's own. */
async function startJaeger(): Promise<Viewer> {
  const [otlp, page] = [await freePort(), await freePort()];
  const endpoints = { 'receivers.otlp.protocols.http': otlp, 'extensions.jaeger_query.http': page };
  const flags = Object.entries(endpoints).map(([name, port]) => `--set=${name}.endpoint=127.0.0.1:${port}`);
  const jaeger = spawn('jaeger', [jaegerConfig(), ...flags], { stdio: 'ignore' });
  await until(() => getJson(`http://127.0.0.1:${page}/api/services`));
  return {
    endpoint: `http://127.0.0.1:${otlp}`,
    async spans(id) {
      const [trace] = (await getJson<Found>(`http://127.0.0.1:${page}/api/traces/${id}`))?.data ?? [];
      return (trace?.spans ?? []).map(({ spanID, operationName, processID, references, tags }) => ({
        id: spanID,
        parent: references[0]?.spanID,
        service: trace?.processes[processID]?.serviceName ?? '',
        name: operationName,
        text: tags.find(({ key }) => key === 'db.query.text')?.value,
      }));
    },
    end: () => jaeger.kill(),
  };
}
