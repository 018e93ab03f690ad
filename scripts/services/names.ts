/** Which names a service can have. It becomes a folder, a host, a pod, a schema and a package, and each has its rules. */
import { Fault } from '../machine/terminal.ts';

/** Letters of a host name; 31 leave room for what is made of it, such as NAME-test and the hashes of its pods. */
const NAME = /^[a-z]([a-z0-9-]{0,29}[a-z0-9])?$/;

const RESERVED: [names: RegExp, why: string][] = [
  [/^chassis$/, 'it is the library that services are built on'],
  [/^postgresql$/, 'it is the database in the cluster'],
  [/^jaeger$/, 'it is what shows the traces'],
  [/^migrate$/, "it is the container that migrates in each service's pod"],
  [/^(release|diff|api-diff|starts|types|test|helm-test|uncategorized)$/, 'it is a row in Tilt'],
  [/^dockerfile$/, 'services/Dockerfile is what the images have in common'],
  [/-(management|test)$/, 'the chart makes NAME-management and NAME-test of a service'],
  [/^tests$/, "it is the folder of the chart's tests"],
  [/^host$/, 'it is what host mode calls itself'],
  [/^(dist|e2e)$/, 'git and Docker leave folders of that name out'],
  [/^coverage$/, 'nodemon leaves folders of that name out'],
  [/^default$/, 'each namespace in Kubernetes has a service account of that name'],
  [/^kubernetes$/, "it is Kubernetes' own Service"],
  // The kubelet writes them into each pod's /etc/hosts.
  [/^(localhost|ip6-(localhost|loopback|localnet|mcastprefix|allnodes|allrouters))$/, 'in a pod it is the pod itself'],
  [/^xn--/, 'a URL takes it for an encoded name'],
  [/^public$/, 'PostgreSQL has a schema of that name in each database'],
  [/^constructor$/, 'in JavaScript every object has something of that name'],
  [/^(null|true|false|yes|no|on|off|y|n)$/, 'YAML takes it for another value'],
  [/^(con|prn|aux|nul|com\d|lpt\d)$/, 'Windows can have no file of that name'],
];

/** @throws {Fault} when no service can have this name */
export function checkName(name: string): void {
  if (!name) throw new Fault('NAME is missing, as in NAME=payments');
  if (!NAME.test(name))
    throw new Fault(`${name} can't be a name: use lower-case letters, digits and dashes, 31 at most`);
  const reserved = RESERVED.find(([names]) => names.test(name));
  if (reserved) throw new Fault(`${name} can't be a name: ${reserved[1]}`);
}
