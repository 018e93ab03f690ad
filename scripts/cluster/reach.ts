/** How pods reach this machine. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { readNames } from '../facts/names.ts';
import { ask } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';

/** Long enough for what is far; a firewall gives no answer at all. */
const PATIENCE_S = 4;

/**
 * An IP address. Where Docker has a virtual machine of its own, as Docker Desktop does, it names this machine so; else
 * the cluster's gateway is this machine.
 * @throws {Fault} when Docker tells neither
 */
export async function findHostAddress(): Promise<string> {
  const { node } = readNames();
  const named = await inNode('getent', 'ahostsv4', 'host.docker.internal');
  const gateways = '{{range .NetworkSettings.Networks}}{{.Gateway}} {{end}}';
  const [address] = (
    named.stdout || (await ask('docker', 'container', 'inspect', '--format', gateways, node)).stdout
  ).split(/\s/);
  if (address) return address;
  throw new Fault(`Docker tells no address by which ${node} reaches this machine`, 'Is it running? make cluster');
}

/**
 * Whether a connection to a port of this machine comes about from the cluster's node, as from its pods. Undefined when it
 * does, else what is wrong and what to do.
 */
export async function findReachFault(port: number): Promise<Fault | undefined> {
  const address = await findHostAddress();
  const server = createServer((socket) => socket.destroy()).listen(port);
  // Something that listens there already does as well.
  await once(server, 'listening').catch(() => {});
  const connect = `: < /dev/tcp/${address}/${port}`;
  const { ok } = await inNode('timeout', String(PATIENCE_S), 'bash', '-c', connect);
  server.close();
  if (ok) return undefined;
  return new Fault(
    `Pods do not reach port ${port} of this machine at ${address}: a firewall here is in between`,
    `Let Docker's networks in, as with: sudo ufw allow from 172.16.0.0/12 to any port ${port} proto tcp`,
  );
}

const inNode = (...command: string[]) => ask('docker', 'exec', readNames().node, ...command);
