/** Ports on this machine. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { findProcess, type Process } from './processes.ts';

/** Whether something listens there, on either loopback address: localhost may be both. */
export async function isTaken(port: number): Promise<boolean> {
  return (await answers(port, '127.0.0.1')) || (await answers(port, '::1'));
}

function answers(port: number, host: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ port, host });
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** In a few words who listens on a port that is taken, as far as this machine tells us. */
export function describeListener(port: number): string {
  const [holder] = findListeners(port);
  return holder ? `process ${holder.pid} (${holder.command.trim().slice(0, 60)})` : 'another program';
}

/** The processes that listen on a port. Linux tells, of those that we may look into; elsewhere there are none. */
export function findListeners(port: number): Process[] {
  const sockets = ['tcp', 'tcp6'].flatMap((family) => findListeningSockets(`/proc/net/${family}`, port));
  if (sockets.length === 0) return [];
  const pids = list('/proc').filter((name) => /^\d+$/.test(name) && sockets.some((socket) => holds(name, socket)));
  return pids.flatMap((pid) => findProcess(Number(pid)) ?? []);
}

const LISTEN = '0A';

/** https://www.kernel.org/doc/html/latest/networking/proc_net_tcp.html: addresses in hexadecimal, then the state. */
function findListeningSockets(table: string, port: number): string[] {
  const end = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return read(table)
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(end) && state === LISTEN)
    .map((fields) => `socket:[${fields[9]}]`);
}

function holds(pid: string, socket: string): boolean {
  return list(`/proc/${pid}/fd`).some((fd) => readLink(`/proc/${pid}/fd/${fd}`) === socket);
}

const list = (folder: string): string[] => orElse([], () => readdirSync(folder));
const read = (file: string): string => orElse('', () => readFileSync(file, 'utf8'));
const readLink = (path: string): string => orElse('', () => readlinkSync(path));

/** Processes end while we look, and others' are closed to us. */
function orElse<T>(otherwise: T, look: () => T): T {
  try {
    return look();
  } catch {
    return otherwise;
  }
}
