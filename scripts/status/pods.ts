/** What the pods of the stand's release say of a service that does not answer: why it can't, as far as Kubernetes knows. */
import { kubectl } from '../cluster/commands.ts';
import { readNames } from '../facts/names.ts';
import { parseObject } from '../machine/json.ts';

/** Of a log, what is shown. */
const LOG_LINES = 10;
/** What a container waits for that nobody mends by waiting: https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go */
const FAULTS = /^(Err|Invalid|RegistryUnavailable|Create\w*Error|RunContainerError|\w+BackOff)/;

export interface PodState {
  state: 'starting' | 'does not start';
  reason: string;
  /** The last lines of the container that failed. */
  error: string | null;
}

interface ContainerStatus {
  name: string;
  restartCount?: number;
  state?: State;
  lastState?: State;
}

interface State {
  running?: object;
  waiting?: { reason?: string; message?: string };
  terminated?: { reason?: string; exitCode: number };
}

export interface Pod {
  metadata: { name: string; labels: Record<string, string>; deletionTimestamp?: string };
  status: {
    phase: string;
    conditions?: { type: string; status: string; reason?: string; message?: string }[];
    initContainerStatuses?: ContainerStatus[];
    containerStatuses?: ContainerStatus[];
  };
}

/** `container` is the one whose log, or `previous` log, says more. */
type Judgement = (Omit<PodState, 'error'> & { container?: string; previous?: boolean }) | undefined;

/** Of each component whose newest pods can't serve or are still to come. */
export async function describePods(): Promise<Map<string, PodState>> {
  const { release } = readNames();
  const selection = ['--selector', `app.kubernetes.io/instance=${release}`];
  const items: Pod[] = parseObject(await ask('get', 'pods', ...selection, '--output', 'json')).items ?? [];
  const states = await Promise.all(
    items.map(async (pod) => [pod.metadata.labels['app.kubernetes.io/name'] ?? '', await describe(pod)] as const),
  );
  return new Map(states.flatMap(([name, state]) => (state ? [[name, state]] : [])));
}

async function describe(pod: Pod): Promise<PodState | undefined> {
  const fault = judgePod(pod);
  if (!fault) return undefined;
  const { container, previous, ...state } = fault;
  if (container === undefined) return { ...state, error: null };
  const log = ['logs', pod.metadata.name, '--container', container, '--tail', String(LOG_LINES)];
  const error = (await ask(...log, ...(previous ? ['--previous'] : []))).trim();
  return { ...state, error: error || null };
}

/** What keeps a pod from serving; undefined when nothing does. */
export function judgePod({ metadata, status }: Pod): Judgement {
  if (metadata.deletionTimestamp || status.phase === 'Succeeded' || isReady(status)) return undefined;
  const unscheduled = status.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled)
    return { state: 'starting', reason: `its pod has no node: ${unscheduled.message ?? unscheduled.reason}` };
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return containers.map(judgeContainer).find(Boolean) ?? { state: 'starting', reason: 'its pod is starting' };
}

const isReady = ({ conditions }: Pod['status']): boolean =>
  conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

function judgeContainer({ name, state = {}, lastState = {}, restartCount = 0 }: ContainerStatus): Judgement {
  if (state.running) return undefined;
  const end = state.terminated ?? lastState.terminated;
  if (end && end.exitCode !== 0) {
    const cause = end.reason === 'OOMKilled' ? 'too much memory' : `exit code ${end.exitCode}`;
    const times = restartCount > 0 ? `, started again ${restartCount} times` : '';
    const reason = `${name} ended with ${cause}${times}`;
    return { state: 'does not start', reason, container: name, previous: !state.terminated };
  }
  const { reason = '', message } = state.waiting ?? {};
  if (!FAULTS.test(reason)) return undefined;
  return { state: 'does not start', reason: [`${name}: ${reason}`, message].filter(Boolean).join(', ') };
}

/** Empty where there is no answer. */
function ask(...args: string[]): Promise<string> {
  return kubectl(readNames().namespace, ['--request-timeout', '5s', ...args]).catch(() => '');
}
