/** kubectl and helm in the stand's own cluster: never another kube context, whichever is selected. */
import { readNames } from '../facts/names.ts';
import { capture } from '../machine/command.ts';

/** What kubectl prints; `input` is what `--filename -` reads. @throws with what it said */
export const kubectl = (namespace: string, args: string[], input?: string): Promise<string> =>
  capture('kubectl', ['--context', readNames().context, '--namespace', namespace, ...args], input);

/** What helm prints; `input` is what `--values -` reads. @throws with what it said */
export const helm = (namespace: string, args: string[], input?: string): Promise<string> =>
  capture('helm', ['--kube-context', readNames().context, '--namespace', namespace, ...args], input);

/** A new, empty namespace, as restricted as the stand's; one that an aborted run has left behind goes first. */
export async function createNamespace(name: string): Promise<void> {
  await deleteNamespace(name);
  await kubectl(name, ['create', 'namespace', name]);
  await kubectl(name, ['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted']);
}

export async function deleteNamespace(name: string): Promise<void> {
  await kubectl(name, ['delete', 'namespace', name, '--ignore-not-found']);
}
