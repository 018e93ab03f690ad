/** make cluster: creates the cluster and its registry, or starts them. */
import { startCluster } from '../cluster/cluster.ts';
import { run } from '../machine/terminal.ts';

run(startCluster);
