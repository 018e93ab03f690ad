/** make clean: deletes the cluster and its registry, with all data. */
import { deleteCluster } from '../cluster/cluster.ts';
import { run } from '../machine/terminal.ts';

run(deleteCluster);
