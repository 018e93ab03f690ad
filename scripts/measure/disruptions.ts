/** The ways in which pods are replaced in production, done to a trial. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readNames } from '../facts/names.ts';
import { capture } from '../machine/command.ts';
import type { Trial } from './trial.ts';

export interface Disruption {
  name: string;
  run(trial: Trial): Promise<unknown>;
}

/** What costs no request; `upgrade` is how this deployment gets new pods. */
export const replacements = (service: string, upgrade = annotate): Disruption[] => [
  { name: `upgrade of ${service}`, run: (trial) => upgrade(trial, service) },
  { name: `pod of ${service} deleted`, run: (trial) => deletePod(trial, service) },
  { name: `replica of ${service} stopped on the node`, run: (trial) => signal('SIGTERM', trial, service) },
  { name: `${service} scaled down and up`, run: (trial) => scaleDownAndUp(trial, service) },
];

/** What takes the requests along that the replica was answering; a service that had asked it asks another. */
export const killing = (service: string): Disruption => ({
  name: `replica of ${service} killed on the node`,
  run: (trial) => signal('SIGKILL', trial, service),
});

export const ROLLBACK: Disruption = {
  name: 'helm rollback',
  run: (trial) => trial.helm('rollback', readNames().release, '--wait'),
};

export async function restart(trial: Trial, deployment: string): Promise<void> {
  await trial.kubectl('rollout', 'restart', `deployment/${deployment}`);
  await trial.isRolledOut(deployment);
}

async function annotate(trial: Trial, service: string): Promise<void> {
  await trial.upgrade(`services.${service}.podAnnotations.at=t${Date.now()}`);
}

async function deletePod(trial: Trial, service: string): Promise<void> {
  const [pod = ''] = await trial.pods(service);
  await trial.kubectl('delete', 'pod', pod);
  await trial.isRolledOut(service);
}

async function scaleDownAndUp(trial: Trial, service: string): Promise<void> {
  await trial.kubectl('scale', `deployment/${service}`, '--replicas=1');
  while ((await trial.pods(service)).length > 1) await sleep(200);
  await trial.kubectl('scale', `deployment/${service}`, '--replicas=2');
  await trial.isRolledOut(service);
}

/** To one replica, from the node: unknown to Kubernetes, which starts the container again. */
async function signal(name: 'SIGTERM' | 'SIGKILL', trial: Trial, service: string): Promise<void> {
  const [pod = ''] = await trial.pods(service);
  const status = (field: string) =>
    trial.kubectl('get', 'pod', pod, '--output', `jsonpath={.status.containerStatuses[0].${field}}`);
  const id = (await status('containerID')).replace('containerd://', '');
  const restarts = await status('restartCount');
  const kill = ['ctr', '--namespace', 'k8s.io', 'tasks', 'kill', '--signal', name, id];
  await capture('docker', ['exec', readNames().node, ...kill]);
  while ((await status('restartCount')) === restarts) await sleep(200);
  await trial.isRolledOut(service);
}
