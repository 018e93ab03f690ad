import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Of a connection: who has opened it, or who has accepted it. */
export type Sender = 'client' | 'server';

/** A stretch of network that asks before each piece whether it may pass, and breaks when it may not. Returns its port. */
export async function createTap(target: () => Promise<number>, mayPass: (sender: Sender) => boolean): Promise<number> {
  const relay = (from: Socket, to: Socket, sender: Sender): void => {
    from.on('data', (piece) => (mayPass(sender) ? to.write(piece) : from.destroy()));
    from.on('error', () => {}).once('close', () => to.end());
    from.resume();
  };
  const tap = createServer({ pauseOnConnect: true }, async (client) => {
    const server = connect(await target(), '127.0.0.1');
    relay(client, server, 'client');
    relay(server, client, 'server');
  });
  tap.listen(0, '127.0.0.1').unref();
  await once(tap, 'listening');
  return (tap.address() as AddressInfo).port;
}
