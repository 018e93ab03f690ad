/** Into the cluster from this machine: through NodePorts that kind maps to localhost, if the policies let it in. */
import { nodePortOf, servicePorts } from '../facts/ports.ts';
import { capture } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';
import { kubectl } from './commands.ts';

/** The Docker network of kind's nodes. */
const NETWORK = 'kind';

interface Service {
  spec: { ports: { nodePort?: number }[] };
}

/**
 * As many of the ports that services may have whose NodePorts nothing in the cluster has.
 * @throws {Fault} when there are too few
 */
export async function freePorts(count: number): Promise<number[]> {
  const { items } = JSON.parse(await kubectl('', ['get', 'services', '--all-namespaces', '--output', 'json']));
  const taken = (items as Service[]).flatMap(({ spec }) => spec.ports.map(({ nodePort }) => nodePort));
  const free = servicePorts().filter((port) => !taken.includes(nodePortOf(port)));
  if (free.length < count)
    throw new Fault(
      `${count} of the ports that cluster/ctlptl.yaml maps must be free, one per service; ${free.length} are`,
      'What runs in the cluster has the others: stop it meanwhile with make down.',
    );
  return free.slice(0, count);
}

/**
 * This machine as NetworkPolicy peers. A request to localhost comes to the node from the gateway of kind's network, and
 * policies look at it before the node puts an address of its own in that place.
 */
export async function thisMachine(): Promise<object[]> {
  const [network] = JSON.parse(await capture('docker', ['network', 'inspect', NETWORK]));
  const ranges: { Subnet: string }[] = network.IPAM.Config;
  return ranges.map(({ Subnet: cidr }) => ({ ipBlock: { cidr } }));
}
