import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { edgesOf } from '../../../../scripts/chart/graph.ts';
import { loadValues } from '../../../../scripts/facts/values.ts';
import { Host, settle } from '../../../../test/host/host.ts';
import { Copy } from '../../../../test/setup/copy.ts';
import { type Answer, send, until } from '../../../../test/setup/http.ts';
import { needsServices } from '../../../../test/setup/needs.ts';

const SHOP = ['gateway', 'catalog', 'orders'];
const DOCUMENT = 'docs/faults.md';
const SECTION = /(?<=<!-- shop: .*-->\n)[\s\S]*?(?=<!-- shop ends -->)/;
/** Writes the table into the document, instead of holding it to that. */
const writes = process.env.WRITE_FAULTS === '1';
/** A machine that stalls may let one time-out come before another. */
const ATTEMPTS = 3;

/** Slow is slower than anybody waits. */
const FAULTS = { slow: 'DELAY=10s', refused: 'REFUSE=1', '5xx': 'ANSWER=503', 'cut off': 'CUT=1' };
const DATABASE = 'postgresql';

interface Edge {
  from: string;
  to: string;
}

interface Order {
  key: string;
  /** Where the user was told that it is placed. */
  id?: string;
}

/** The shop in host mode, with each fault between each two of its parts. */
describe('what the shop’s users see', function () {
  this.timeout(300_000);
  needsServices(...SHOP);
  let copy: Copy;
  let host: Host;
  let url: string;
  let product: { id: number; stock: number };
  const table = new Map<string, string>();
  const orders: Order[] = [];
  const ids = new Set<string>();
  const documented = (): string => SECTION.exec(readFileSync(DOCUMENT, 'utf8'))?.[0] ?? '';

  before(async () => {
    copy = new Copy();
    const port = await settle(copy);
    url = `http://localhost:${port}`;
    host = await new Host({ copy }, [`SERVICES=${SHOP.join(' ')}`]).ready();
    const { products } = (await send(`${url}/api/catalog/products`)).body;
    product = products.sort((a: { stock: number }, b: { stock: number }) => b.stock - a.stock)[0];
  });
  after(async () => {
    await host?.destroy();
    copy?.remove();
    if (writes) writeDocument([...table.values()]);
  });

  /** @throws with what it has said when it fails */
  async function fault(...args: string[]): Promise<void> {
    const env = Object.fromEntries(args.map((arg) => arg.split('=')));
    const { PATH, XDG_STATE_HOME } = process.env;
    const options = { cwd: copy.root, env: { PATH, XDG_STATE_HOME, ...env } };
    const node = ['--conditions=source', '--require', 'ts-node/register', 'scripts/make/fault.ts'];
    const child = spawn(process.execPath, node, options);
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    if (code !== 0) throw new Error(said);
  }

  const place = ({ key }: Order): Promise<Answer> =>
    send(`${url}/api/orders`, {
      method: 'POST',
      headers: { 'idempotency-key': key },
      body: { items: [{ productId: product.id, quantity: 1 }] },
    });

  /** What the page asks for, answered under a fault, as a row of the table. */
  async function tryOut({ from, to }: Edge, name: string): Promise<string> {
    const order: Order = { key: randomUUID() };
    orders.push(order);
    const answers = await Promise.all([send(`${url}/api/catalog/products`), place(order)]);
    const [, placed] = answers;
    if (placed.status === 201) order.id = placed.body.id;
    return `| ${[from, to, name, ...answers.map(describeAnswer)].join(' | ')} |\n`;
  }

  for (const edge of edgesOfShop())
    describe(`when ${edge.from} → ${edge.to} is`, () => {
      for (const [name, setting] of Object.entries(FAULTS)) {
        if (edge.to === DATABASE && setting.startsWith('ANSWER')) continue;
        it(name, async () => {
          await fault(`FROM=${edge.from}`, `TO=${edge.to}`, setting);
          let row = await tryOut(edge, name);
          for (let attempt = 1; !documented().includes(row) && attempt < ATTEMPTS && !writes; attempt++)
            row = await tryOut(edge, name);
          table.set(`${edge.from} ${edge.to} ${name}`, row);
          if (!writes) expect(documented(), `not in ${DOCUMENT}; WRITE_FAULTS=1 writes it anew`).to.contain(row);
        });
      }

      it('mended again, each order is placed once, and none that was acknowledged is lost', async () => {
        await fault('CLEAR=1');
        for (const order of orders.splice(0)) {
          const { body } = await until(async () => {
            const answer = await place(order);
            return answer.status === 201 && answer;
          });
          if (order.id) expect(body.id).to.equal(order.id);
          expect(ids).to.not.include(body.id);
          ids.add(body.id);
        }
        const listed = (await send(`${url}/api/orders?limit=100`)).body.orders.map(({ id }: { id: string }) => id);
        expect(listed).to.have.members([...ids]);
      });
    });

  // Mocha would run them first where the others have a group.
  describe('in the end', () => {
    it('is as much stock as was not ordered', async () => {
      // Orders that were given up give theirs back.
      await until(async () => {
        const answer = await send(`${url}/api/catalog/products/${product.id}`);
        return answer.body.stock === product.stock - ids.size;
      });
    });

    it('is documented in whole', () => {
      if (!writes) expect(documented()).to.equal(render([...table.values()]));
    });
  });
});

function edgesOfShop(): Edge[] {
  const { services } = loadValues('local');
  const ofShop = Object.fromEntries(Object.entries(services).filter(([name]) => SHOP.includes(name)));
  const databases = Object.entries(ofShop).filter(([, { database }]) => database.enabled);
  return [
    ...edgesOf(ofShop).map(({ caller, callee }) => ({ from: caller, to: callee })),
    ...databases.map(([from]) => ({ from, to: DATABASE })),
  ];
}

/** The status, and what the page shows of a problem. */
const describeAnswer = ({ status, body }: Answer): string => [status, body.detail].filter(Boolean).join(' ');

const HEAD = '| caller | callee | fault | the list of products | an order |\n|---|---|---|---|---|\n';

const render = (rows: string[]): string => HEAD + rows.join('');

function writeDocument(rows: string[]): void {
  writeFileSync(
    DOCUMENT,
    readFileSync(DOCUMENT, 'utf8').replace(SECTION, () => render(rows)),
  );
}
