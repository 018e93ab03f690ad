/** make down: stops the services in the cluster; the data stays. */
import { stopDeployment } from '../cluster/cluster.ts';
import { run } from '../machine/terminal.ts';

run(stopDeployment);
