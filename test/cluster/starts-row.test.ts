import { once } from 'node:events';
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { capture } from '../../scripts/machine/command.ts';
import { hashSources } from '../../services/chassis/sources.cjs';

const OLD = { status: 'up', sources: 'old' };

/** With servers that say in the place of gateway what it says of itself. */
describe('Tilt’s row `starts`', () => {
  const sources = hashSources('services/gateway');
  let folder: string;
  let server: Server;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'starts-')));
  });
  afterEach(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  /** Runs it, while gateway gives these answers, the last one again and again. */
  async function marks(...answers: object[]): Promise<boolean> {
    server = createServer((_req, res) => {
      res.end(JSON.stringify(answers.length > 1 ? answers.shift() : answers[0]));
    }).listen(0);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await capture('node', ['scripts/cluster/starts-row.cjs', join(folder, 'down'), `gateway:${port}`]);
    return existsSync(join(folder, 'down/gateway'));
  }

  it('marks a service that does not start from the sources as they are', async () => {
    expect(await marks(OLD, { status: 'down', sources })).to.equal(true);
  });

  it('marks none that has started from them', async () => {
    expect(await marks({ ...OLD, status: 'down' }, OLD, { status: 'up', sources })).to.equal(false);
  });
});
