/** Ports on this machine. */
import { connect } from 'node:net';

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
