/** make cluster: creates the cluster and its registry, or starts them. */
import { startCluster } from '../cluster/cluster.ts';
import { takeSlot } from '../cluster/slots.ts';
import { argument } from '../facts/arguments.ts';
import { run } from '../machine/terminal.ts';

run(async () => {
  await takeSlot(argument('SLOT'));
  await startCluster();
});
