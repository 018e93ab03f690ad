/** What the pods of the stand's release say of a service that does not answer: why it can't, as far as Kubernetes knows. */
import { readNames } from '../facts/names.ts';
import { ask } from '../machine/command.ts';
import { parseObject } from '../machine/http.ts';

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

/** Of each component whose newest pods can't serve or are still to come. */
export async function describePods(): Promise<Map<string, PodState>> {
  const { release } = readNames();
  const selection = ['--selector', `app.kubernetes.io/instance=${release}`];
  const items: Pod[] = parseObject(await kubectl('get', 'pods', ...selection, '--output', 'json')).items ?? [];
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
  const error = (await kubectl(...log, ...(previous ? ['--previous'] : []))).trim();
  return { ...state, error: error || null };
}

/** What keeps a pod from serving, undefined when nothing does; `container` is the one whose log, or `previous` log, says more. */
export function judgePod({
  metadata,
  status,
}: Pod): (Omit<PodState, 'error'> & { container?: string; previous?: boolean }) | undefined {
  if (metadata.deletionTimestamp || status.phase === 'Succeeded' || isReady(status)) return undefined;
  const unscheduled = status.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False');
  if (unscheduled)
    return { state: 'starting', reason: `its pod has no node: ${unscheduled.message ?? unscheduled.reason}` };
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  return containers.map(judgeContainer).find(Boolean) ?? { state: 'starting', reason: 'its pod is starting' };
}

const isReady = ({ conditions }: Pod['status']): boolean =>
  conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

function judgeContainer({
  name,
  state = {},
  lastState = {},
  restartCount = 0,
}: ContainerStatus): ReturnType<typeof judgePod> {
  const ended = state.terminated ?? lastState.terminated;
  const failed = ended && ended.exitCode !== 0;
  if (failed && !('running' in state)) {
    const times = restartCount > 0 ? `, started again ${restartCount} times` : '';
    return {
      state: 'does not start',
      reason: `${name} ended with ${ended.reason === 'OOMKilled' ? 'too much memory' : `exit code ${ended.exitCode}`}${times}`,
      container: name,
      previous: !state.terminated,
    };
  }
  const { reason = '', message } = state.waiting ?? {};
  if (FAULTS.test(reason))
    return { state: 'does not start', reason: `${name}: ${reason}${message ? `, ${message}` : ''}` };
  return undefined;
}

async function kubectl(...args: string[]): Promise<string> {
  const { context, namespace } = readNames();
  const { stdout } = await ask(
    'kubectl',
    '--context',
    context,
    '--namespace',
    namespace,
    '--request-timeout',
    '5s',
    ...args,
  );
  return stdout;
}
