import { expect } from 'chai';
import { judgePod, type Pod } from '../../scripts/status/pods.ts';

const READY = { type: 'Ready', status: 'True' };
const pod = (status: Partial<Pod['status']>, metadata = {}): Pod => ({
  metadata: { name: 'orders-1-2', labels: {}, ...metadata },
  status: { phase: 'Running', ...status },
});
const failed = (exitCode: number, reason = 'Error') => ({ terminated: { exitCode, reason } });

/** What keeps a pod from serving, as a developer is told. */
const JUDGEMENTS: [what: string, pod: Pod, judgement: object | undefined][] = [
  ['serves', pod({ conditions: [READY], containerStatuses: [{ name: 'orders', state: {} }] }), undefined],
  [
    'serves again after a crash',
    pod({ conditions: [READY], containerStatuses: [{ name: 'orders', restartCount: 1, lastState: failed(1) }] }),
    undefined,
  ],
  ['is going', pod({}, { deletionTimestamp: '2026-11-28T09:00:00Z' }), undefined],
  ['has done its work', pod({ phase: 'Succeeded' }), undefined],
  ['starts', pod({ phase: 'Pending' }), { state: 'starting', reason: 'its pod is starting' }],
  [
    'has no room',
    pod({
      phase: 'Pending',
      conditions: [
        { type: 'PodScheduled', status: 'False', message: '0/1 nodes are available: 1 Insufficient memory.' },
      ],
    }),
    { state: 'starting', reason: 'its pod has no node: 0/1 nodes are available: 1 Insufficient memory.' },
  ],
  [
    'has no image',
    pod({
      phase: 'Pending',
      containerStatuses: [{ name: 'orders', state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } } }],
    }),
    { state: 'does not start', reason: 'orders: ImagePullBackOff, not found' },
  ],
  [
    'waits for its migration',
    pod({
      phase: 'Pending',
      initContainerStatuses: [{ name: 'migrate', state: {} }],
      containerStatuses: [{ name: 'orders', state: { waiting: { reason: 'PodInitializing' } } }],
    }),
    { state: 'starting', reason: 'its pod is starting' },
  ],
  [
    'can not migrate',
    pod({ phase: 'Pending', initContainerStatuses: [{ name: 'migrate', state: failed(1) }] }),
    { state: 'does not start', reason: 'migrate ended with exit code 1', container: 'migrate', previous: false },
  ],
  [
    'crashes again and again',
    pod({
      containerStatuses: [
        { name: 'orders', restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: failed(1) },
      ],
    }),
    {
      state: 'does not start',
      reason: 'orders ended with exit code 1, started again 4 times',
      container: 'orders',
      previous: true,
    },
  ],
  [
    'takes too much memory',
    pod({ containerStatuses: [{ name: 'orders', state: failed(137, 'OOMKilled') }] }),
    { state: 'does not start', reason: 'orders ended with too much memory', container: 'orders', previous: false },
  ],
];

describe('a pod that', () => {
  for (const [what, given, judgement] of JUDGEMENTS)
    it(`${what} ${judgement ? 'keeps its service from serving, and says why' : 'is none to mention'}`, () => {
      expect(judgePod(given)).to.deep.equal(judgement);
    });
});
