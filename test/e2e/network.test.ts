import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { createNamespace, deleteNamespace, kubectl } from '../../scripts/cluster/commands.ts';
import { readNames } from '../../scripts/facts/names.ts';
import { capture } from '../../scripts/machine/command.ts';
import { send } from '../../scripts/measure/load.ts';
import { imageWithExpress } from '../../scripts/measure/plain-app.ts';
import { Trial } from '../../scripts/measure/trial.ts';
import { getJson } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { complaints, inFixture, packageOnce, VERSION } from './setup.ts';

const NAMESPACE = 'network';
/** Of pods that are not of the release, without any policy. */
const ELSEWHERE = 'network-elsewhere';
/** PostgreSQL's, where a pod elsewhere listens: of what a service with a database may reach, the port alone. */
const PORT = 5432;
const NAME = 'app.kubernetes.io/name';

const { release, registry } = readNames();

/** What is in reach of pods of the release; everything else is not. */
const EDGES = {
  front: ['dns', 'store'],
  store: ['dns', 'postgresql'],
  postgresql: [],
  'front-test': ['dns', 'front-management'],
};
/** What is in reach of everybody but them, so that there is something to be kept from. */
const OPEN = ['dns', 'kubernetes', 'outside'];
const REACH: Record<string, string[]> = {
  ...EDGES,
  stranger: OPEN,
  scraper: [...OPEN, 'stranger', 'front-management', 'store-management'],
};

/**
 * Tries all addresses at once, as in 10.96.0.1/443, and prints those that take a connection. Without the colon bash would
 * wait in a child; PostgreSQL, which adopts what it leaves behind, takes the end of that for a crash of its own.
 */
const TRY =
  'for address; do timeout 3 bash -c ": </dev/tcp/$address" 2>/dev/null && echo "$address" & done; wait || true';

describe('the network in production', () => {
  let trial: Trial;
  let addresses: Map<string, string>;

  inFixture();
  before(async () => {
    await packageOnce();
    trial = await Trial.begin(NAMESPACE, VERSION);
    await createNamespace(ELSEWHERE);
    const scraper = 'serviceDefaults.networkPolicy.metricsIngress[0]';
    await trial.install(
      `${scraper}.namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=${ELSEWHERE}`,
      `${scraper}.podSelector.matchLabels.app\\.kubernetes\\.io/name=scraper`,
    );
    await addPods(ELSEWHERE, { [NAME]: 'stranger' }, { [NAME]: 'scraper' });
    await addPods(NAMESPACE, { [NAME]: 'front-test', 'app.kubernetes.io/instance': release });
    addresses = await findAddresses();
  });
  afterEach(async function () {
    if (this.currentTest?.isFailed()) console.log(await complaints(trial));
  });
  after(async () => {
    await deleteNamespace(ELSEWHERE);
    await trial?.end();
  });

  for (const [from, edges] of Object.entries(REACH))
    it(`is for ${from} no more than ${edges.join(', ') || 'itself'}`, async () => {
      let reached: string[] = [];
      const isAsDeclared = async () => {
        reached = await reach(from);
        return isDeepStrictEqual(reached, [...edges].sort());
      };
      // The policies learn of a new pod a moment after it has started.
      await eventually('it is so', isAsDeclared, 30_000).catch(() => {});
      expect(reached).to.have.members(edges);
    });

  it('lets requests through to the database, by names', async () => {
    expect(await getJson(`${trial.url('front')}/items`)).to.have.property('items');
  });

  it('lets helm test in', async () => {
    expect(await trial.helm('test', release)).to.contain('Succeeded');
  });

  for (const path of ['/livez', '/readyz', '/metrics'])
    it(`has ${path} on the management port alone`, async () => {
      for (const service of trial.services) {
        expect(await send(trial.url(service) + path)).to.include({ status: 404 });
        expect(await statusFromScraper(`http://${service}-management.${NAMESPACE}:9090${path}`)).to.equal(200);
      }
    });

  /** The names of all addresses, but for a pod's own, that take its connection. */
  async function reach(from: string): Promise<string[]> {
    const others = [...addresses].filter(([to]) => to !== from && to !== `${from}-management`);
    const tries = others.map(([, address]) => address);
    const taken = await kubectl(placeOf(from), ['exec', await podOf(from), '--', 'bash', '-c', TRY, TRY, ...tries]);
    return others.flatMap(([to, address]) => (taken.split('\n').includes(address) ? [to] : [])).sort();
  }

  /** Pods that listen on PORT. */
  async function addPods(namespace: string, ...labels: Record<string, string>[]): Promise<void> {
    const image = imageWithExpress(trial);
    const list = { apiVersion: 'v1', kind: 'List', items: labels.map((own) => pod(own, image)) };
    await kubectl(namespace, ['apply', '--filename', '-'], JSON.stringify(list));
    await kubectl(namespace, ['wait', 'pod', '--for=condition=Ready', '--all', '--timeout=120s']);
  }
});

const placeOf = (name: string): string => (name in EDGES ? NAMESPACE : ELSEWHERE);

async function podOf(name: string): Promise<string> {
  return field(placeOf(name), 'pods', `--selector=${NAME}=${name}`, '{.items[0].metadata.name}');
}

/** By IP, as bash takes them: whoever may not ask for names shall be kept from more than names. */
async function findAddresses(): Promise<Map<string, string>> {
  const services = ['front', 'front-management', 'store', 'store-management', 'postgresql'];
  const atService = '{.spec.clusterIP}/{.spec.ports[0].port}';
  const inside = services.map(async (name) => [name, await field(NAMESPACE, 'service', name, atService)] as const);
  const container = await capture('docker', [
    'inspect',
    '--format',
    '{{json .NetworkSettings.Networks}}',
    registry.name,
  ]);
  return new Map([
    ...(await Promise.all(inside)),
    ['dns', await field('kube-system', 'service', 'kube-dns', atService)],
    ['kubernetes', await field('default', 'service', 'kubernetes', atService)],
    ['stranger', `${await field(ELSEWHERE, 'pod', await podOf('stranger'), '{.status.podIP}')}/${PORT}`],
    // What is not in the cluster, as the internet is.
    ['outside', `${JSON.parse(container).kind.IPAddress}/5000`],
  ]);
}

const field = (namespace: string, ...query: [...string[], string]): Promise<string> =>
  kubectl(namespace, ['get', ...query.slice(0, -1), '--output', `jsonpath=${query.at(-1)}`]);

async function statusFromScraper(url: string): Promise<number> {
  const program = 'fetch(process.argv[1]).then(({ status }) => console.log(status))';
  return Number(await kubectl(ELSEWHERE, ['exec', await podOf('scraper'), '--', 'node', '--eval', program, url]));
}

const pod = (labels: Record<string, string>, image: string): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: `${labels[NAME]}-listener`, labels },
  spec: {
    securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'listener',
        image,
        command: ['node', '--eval', `require('net').createServer().listen(${PORT})`],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
});
