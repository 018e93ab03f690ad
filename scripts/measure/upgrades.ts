/**
 * make upgrades: what replacing pods costs the users. Installs what `make package VERSION=…` has built in a namespace
 * of its own in the stand's cluster, two replicas each, and a plain Express app beside it. Under a constant load
 * through the NodePorts it replaces pods in every way that happens in production, and prints the requests sent and
 * failed for both. The load is 40 requests a second, for as long as a replacement takes. Deletes the namespace.
 */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';

export const NAMESPACE = 'upgrades';
export const SHOP = 'http://localhost:8085';
const CATALOG = 'http://localhost:8086';
const PLAIN = 'http://localhost:8087';

const INTERVAL_MS = 25;
const REQUEST_TIMEOUT_MS = 10_000;
/** Load before and after: endpoints change a moment later than pods. */
const MARGIN_MS = 2000;

/** What lies on top of values-prod.yaml, as JSON, which is YAML. */
const VALUES = JSON.stringify({
  serviceDefaults: { autoscaling: { enabled: false }, replicas: 2, resources: { requests: { cpu: '10m' } } },
  services: {
    gateway: { service: { type: 'NodePort', nodePort: 30085 } },
    catalog: { service: { type: 'NodePort', nodePort: 30086 } },
  },
  postgresql: { enabled: true, auth: { password: 'upgrades' } },
  externalDatabase: { host: '', existingSecret: '', ca: { existingSecret: '' } },
});

export type Disruption = [name: string, run: () => Promise<unknown>];

export interface Load {
  sent: number;
  /** What went wrong with the requests that failed. */
  failures: string[];
  /** The ids of the orders that were acknowledged. */
  orders: string[];
}

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
}

const SERVICES = ['gateway', 'catalog', 'orders'];

/** What the stand survives without a lost request. */
export const DISRUPTIONS: Disruption[] = [
  ...SERVICES.flatMap((service): Disruption[] => [
    [`upgrade of ${service}`, () => upgrade(`services.${service}.podAnnotations.at=t${Date.now()}`)],
    [`pod of ${service} deleted`, () => deletePod(service)],
    [`replica of ${service} stopped on the node`, () => signalReplica(service, 'SIGTERM')],
    [`${service} scaled down and up`, () => scaleDownAndUp(service)],
  ]),
  // A call between services is repeated, so it outlives the replica that it was sent to.
  ['replica of catalog killed on the node', () => signalReplica('catalog', 'SIGKILL')],
  ['replica of orders killed on the node', () => signalReplica('orders', 'SIGKILL')],
  ['helm rollback', () => helm('rollback', 'stand', '--wait')],
];

/** What nothing behind the users' own connections can repair: they are with the replica that dies. */
const UNSURVIVABLE: Disruption = ['replica of gateway killed on the node', () => signalReplica('gateway', 'SIGKILL')];

const PLAIN_DISRUPTIONS: Disruption[] = [
  ['plain Express: upgrade', () => restart('plain')],
  ['plain Express: pod deleted', () => deletePod('plain')],
  ['plain Express: replica stopped on the node', () => signalReplica('plain', 'SIGTERM')],
  ['plain Express: scaled down and up', () => scaleDownAndUp('plain')],
];

async function main(): Promise<void> {
  const version = process.env.VERSION;
  if (!version) throw new Error('VERSION is missing: name what make package has built, as in VERSION=1.4.2');
  await kubectl('create', 'namespace', NAMESPACE);
  try {
    await install(version);
    const productId = await createProduct();
    for (const [name, run] of [...DISRUPTIONS, UNSURVIVABLE]) report(name, await shopUnderLoad(productId, run));
    await installPlainApp(version);
    for (const [name, run] of PLAIN_DISRUPTIONS) report(name, await underLoad([() => send(`${PLAIN}/`)], run));
  } finally {
    await kubectl('delete', 'namespace', NAMESPACE);
  }
}

function report(name: string, { sent, failures }: Load): void {
  console.log(`${name.padEnd(46)} ${String(sent).padStart(5)} sent ${String(failures.length).padStart(5)} failed`);
  for (const failure of new Set(failures)) console.log(`    ${failure}`);
}

/** Installs the release; `settings` are as in helm's --set. */
export async function install(version: string, ...settings: string[]): Promise<void> {
  const files = ['helm/app/values-prod.yaml', `dist/images-${version}.yaml`, '-'].flatMap((file) => ['--values', file]);
  const args = [
    'install',
    'stand',
    'helm/app',
    ...files,
    ...settings.flatMap((setting) => ['--set', setting]),
    '--wait',
  ];
  await run('helm', [...HELM_TARGET, ...args], VALUES);
  await ignoreDisk();
  for (const url of [SHOP, CATALOG]) await answers(`${url}/livez`);
}

/** PostgreSQL waits for no disk: on a shared machine it may stall for seconds, which is nothing that a new pod costs. */
async function ignoreDisk(): Promise<void> {
  const statements = ['alter system set fsync = off', 'select pg_reload_conf()'];
  const commands = statements.map((statement) => `--command=${statement}`);
  await kubectl('exec', 'postgresql-0', '--', 'psql', '--username=stand', '--dbname=stand', ...commands);
}

/** Changes these values of the release. */
export const upgrade = (...settings: string[]): Promise<string> =>
  helm('upgrade', 'stand', 'helm/app', '--reuse-values', ...settings.flatMap((each) => ['--set', each]), '--wait');

/** A product that no run can sell out. */
export async function createProduct(): Promise<number> {
  const product = { sku: randomUUID(), name: 'Mug', priceCents: 900, stock: 1_000_000 };
  return JSON.parse(await send(`${CATALOG}/products`, product)).id;
}

/** Reads and orders through the gateway while `work` runs. */
export async function shopUnderLoad(productId: number, work: () => Promise<unknown>): Promise<Load> {
  const orders: string[] = [];
  const order = async () => {
    const answer = await send(`${SHOP}/api/orders`, { items: [{ productId, quantity: 1 }] });
    orders.push(JSON.parse(answer).id);
  };
  const reads = ['/api/catalog/products', '/api/orders'].map((path) => () => send(SHOP + path));
  return { ...(await underLoad([...reads, order], work)), orders };
}

async function underLoad(requests: (() => Promise<unknown>)[], work: () => Promise<unknown>): Promise<Load> {
  const failures: string[] = [];
  const answers: Promise<unknown>[] = [];
  const next = () => {
    const send = requests[answers.length % requests.length];
    answers.push(Promise.resolve(send?.()).catch((error) => failures.push(error.message)));
  };
  const timer = setInterval(next, INTERVAL_MS);
  try {
    await sleep(MARGIN_MS);
    await work();
    await sleep(MARGIN_MS);
  } finally {
    clearInterval(timer);
    await Promise.all(answers);
  }
  return { sent: answers.length, failures, orders: [] };
}

// Half of the load keeps its connections, as browsers and proxies do; the other half opens one per request.
const agents = [new Agent({ keepAlive: true, maxSockets: 20, scheduling: 'fifo' }), new Agent()];
let turn = 0;

/** A GET, or a POST of `body` with an Idempotency-Key. @throws when the answer is none of the 2xx */
export function send(url: string, body?: object): Promise<string> {
  const headers = body && { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
  const agent = agents[turn++ % agents.length];
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method: body ? 'POST' : 'GET', agent, headers, timeout: REQUEST_TIMEOUT_MS },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk) => (text += chunk));
        answer.once('error', reject);
        answer.once('end', () => {
          const { statusCode = 0 } = answer;
          if (statusCode >= 200 && statusCode < 300) resolve(text);
          else reject(new Error(`${statusCode} ${text.slice(0, 200)}`));
        });
      },
    );
    sent.once('timeout', () => sent.destroy(new Error(`no answer within ${REQUEST_TIMEOUT_MS} ms`)));
    sent.once('error', reject);
    sent.end(body && JSON.stringify(body));
  });
}

/** Express as its documentation begins, in gateway's image: no probes, nothing done about a stop. */
async function installPlainApp(version: string): Promise<void> {
  const { serviceDefaults, services } = parse(readFileSync(`dist/images-${version}.yaml`, 'utf8'));
  const image = `${serviceDefaults.image.registry}/stand/gateway@${services.gateway.image.digest}`;
  const program = `
    require('express')().get('/', (req, res) => res.send('Hello World!')).listen(3000);
    process.on('SIGTERM', () => process.exit()); // What happens by itself to any process but the container's first.`;
  const labels = { 'app.kubernetes.io/name': 'plain' };
  const spec = { containers: [{ name: 'plain', image, command: ['node', '--eval', program] }] };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'plain' },
    spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'plain' },
    spec: { type: 'NodePort', selector: labels, ports: [{ port: 3000, nodePort: 30087 }] },
  };
  const list = { apiVersion: 'v1', kind: 'List', items: [deployment, service] };
  await run('kubectl', [...KUBECTL_TARGET, 'apply', '--filename', '-'], JSON.stringify(list));
  await isRolledOut('plain');
  await answers(`${PLAIN}/`);
}

/** Waits for a new address: a NodePort leads to its pods a moment after they are ready. */
async function answers(url: string, attempts = 100): Promise<void> {
  for (let left = attempts; ; left--) {
    const fault = await send(url).then(
      () => undefined,
      (error: Error) => error,
    );
    if (!fault) return;
    if (left === 0) throw fault;
    await sleep(100);
  }
}

async function restart(service: string): Promise<void> {
  await kubectl('rollout', 'restart', `deployment/${service}`);
  await isRolledOut(service);
}

async function deletePod(service: string): Promise<void> {
  const [pod = ''] = await podsOf(service);
  await kubectl('delete', 'pod', pod);
  await isRolledOut(service);
}

async function scaleDownAndUp(service: string): Promise<void> {
  await kubectl('scale', `deployment/${service}`, '--replicas=1');
  while ((await podsOf(service)).length > 1) await sleep(200);
  await kubectl('scale', `deployment/${service}`, '--replicas=2');
  await isRolledOut(service);
}

/** Sends a signal to one replica from the node, unknown to Kubernetes, which starts the container again. */
async function signalReplica(service: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const [pod = ''] = await podsOf(service);
  const status = (field: string) =>
    kubectl('get', 'pod', pod, '-o', `jsonpath={.status.containerStatuses[0].${field}}`);
  const id = (await status('containerID')).replace('containerd://', '');
  const ctr = ['exec', 'stand-control-plane', 'ctr', '--namespace', 'k8s.io', 'tasks', 'kill', '--signal', signal, id];
  const restarts = await status('restartCount');
  await run('docker', ctr);
  while ((await status('restartCount')) === restarts) await sleep(200);
  await isRolledOut(service);
}

const isRolledOut = (service: string): Promise<string> =>
  kubectl('rollout', 'status', `deployment/${service}`, '--timeout=120s');

/** The names of a service's pods, without those that are about to go. */
async function podsOf(service: string): Promise<string[]> {
  const { items } = JSON.parse(await kubectl('get', 'pods', '-l', `app.kubernetes.io/name=${service}`, '-o', 'json'));
  return (items as Pod[]).filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
}

const HELM_TARGET = ['--kube-context', 'kind-stand', '--namespace', NAMESPACE];
const KUBECTL_TARGET = ['--context', 'kind-stand', '--namespace', NAMESPACE];

export const helm = (...args: string[]): Promise<string> => run('helm', [...HELM_TARGET, ...args]);
export const kubectl = (...args: string[]): Promise<string> => run('kubectl', [...KUBECTL_TARGET, ...args]);

/** Without blocking: the load goes on meanwhile. @throws with what the command said */
function run(command: string, args: string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, (error, stdout) => (error ? reject(error) : resolve(stdout.trim())));
    child.stdin?.end(input);
  });
}

if (basename(process.argv[1] ?? '') === 'upgrades.ts')
  main().catch((error) => {
    console.error(`✗ ${error.message}`);
    process.exitCode = 1;
  });
