/** Express as its documentation begins, for comparison: no probes, nothing done about a stop. */
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { packageOf } from '../chart/package.ts';
import { kubectl } from '../cluster/commands.ts';
import { freePorts } from '../cluster/outside.ts';
import { hostPort, nodePortOf } from '../facts/ports.ts';
import { CHART } from '../facts/values.ts';
import { Fault } from '../machine/terminal.ts';
import { answers, type Trial } from './trial.ts';

export const PLAIN = 'plain';

const PROGRAM = `
  require('express')().get('/', (req, res) => res.send('Hello World!')).listen(3000);
  process.on('SIGTERM', () => process.exit()); // What happens by itself to any process but the container's first.`;

/** Two replicas of it in a trial's namespace; where on localhost they answer. */
export async function installPlainApp(trial: Trial): Promise<string> {
  const [port = 0] = await freePorts(1);
  const url = `http://localhost:${hostPort(port)}`;
  const list = { apiVersion: 'v1', kind: 'List', items: [deployment(imageWithExpress(trial)), service(port)] };
  await kubectl(trial.namespace, ['apply', '--filename', '-'], JSON.stringify(list));
  await trial.isRolledOut(PLAIN);
  await answers(url);
  return url;
}

const labels = { 'app.kubernetes.io/name': PLAIN };

const deployment = (image: string): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: PLAIN },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: {
        securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          {
            name: PLAIN,
            image,
            command: ['node', '--eval', PROGRAM],
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          },
        ],
      },
    },
  },
});

const service = (port: number): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: PLAIN },
  spec: { type: 'NodePort', selector: labels, ports: [{ port: 3000, nodePort: nodePortOf(port) }] },
});

/** A service's image has it: the first's that is a Node.js package. */
export function imageWithExpress({ services, version }: Trial): string {
  const name = services.find((name) => existsSync(`services/${name}/package.json`));
  if (!name) throw new Fault('There is no service in Node.js whose image has Express in it');
  const values = parse(readFileSync(`${CHART}/values.yaml`, 'utf8'));
  const images = parse(readFileSync(packageOf(version).images, 'utf8'));
  const { registry } = images.serviceDefaults.image;
  return `${registry}/${values.services[name].image.repository}@${images.services[name].image.digest}`;
}
