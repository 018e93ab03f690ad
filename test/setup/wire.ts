import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Wire {
  port: number;
  /** Breaks all connections and refuses new ones, as a server that has gone. */
  cut(): Promise<void>;
  /** Accepts and keeps silent, as a network that swallows packets. */
  stall(): void;
  /** Lets everything through again. */
  mend(): Promise<void>;
}

/** A stretch of network to `target` that a test may break. It lets everything through at first. */
export async function createWire(target: number, port = 0): Promise<Wire> {
  const sockets = new Set<Socket>();
  let stalled = false;
  let server: Server;

  const pass = (socket: Socket): void => {
    keep(socket);
    if (stalled) return;
    const upstream = keep(connect(target, '127.0.0.1'));
    socket.pipe(upstream).pipe(socket);
  };

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }

  async function listen(): Promise<void> {
    server = createServer(pass).listen(port, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  }

  function breakAll(): void {
    for (const socket of sockets) socket.resetAndDestroy();
  }

  await listen();
  return {
    port,
    async cut() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      breakAll();
      await closed;
    },
    stall() {
      stalled = true;
      for (const socket of sockets) socket.unpipe();
    },
    async mend() {
      stalled = false;
      breakAll();
      if (!server.listening) await listen();
    },
  };
}
