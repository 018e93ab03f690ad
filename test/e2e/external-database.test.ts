import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  createNamespace,
  deleteNamespace,
  eventually,
  get,
  kubectlIn,
  packageOnce,
  pods,
  run,
  succeeds,
  VERSION,
} from './stand.ts';

const NAMESPACE = 'external';
const SERVER = 'stand-managed-postgres';
const FILES = '.stand/managed-postgres';
const SHOP = 'http://localhost:8083';
const CATALOG = 'http://localhost:8084';
const VALUES = 'test/e2e/external-database.yaml';

const kubectl = kubectlIn(NAMESPACE);
const managed = (...args: string[]): string => run('scripts/cluster/managed-postgres.sh', ...args);
const password = (role: string): string => readFileSync(`${FILES}/${role}.password`, 'utf8');

interface Product {
  id: number;
}
interface Orders {
  orders: { id: string }[];
}

describe('staging, on a managed PostgreSQL with TLS', function () {
  this.bail(true);

  before(() => {
    packageOnce();
    managed('down');
    managed('up');
    managed('database', 'orders');
    createNamespace(NAMESPACE);
    for (const role of ['stand', 'orders']) createSecret(role);
    kubectl('create', 'secret', 'generic', 'stand-database-ca', `--from-file=ca.crt=${FILES}/ca.crt`);
  });

  afterEach(function () {
    if (this.currentTest?.isFailed()) console.log(kubectl('describe', 'pods', '-l', 'app.kubernetes.io/name=catalog'));
  });

  after(() => {
    deleteNamespace(NAMESPACE);
    managed('down');
  });

  it('is deployed by make deploy, and passes helm test', () => {
    expect(deploy()).to.contain('There is no release stand in external yet').and.to.contain(`staging runs ${VERSION}`);
    expect(deploy()).to.contain('nothing to change');
  });

  it('has two pods of each service, as the autoscaler says', async () => {
    await eventually('six pods', () => ['gateway', 'catalog', 'orders'].every((name) => readyPods(name) === 2));
  });

  it('takes an order, each service in its own database', async () => {
    const product = await post<Product>(`${CATALOG}/products`, { sku: 'E2E', name: 'Mug', priceCents: 900, stock: 5 });
    await post(`${SHOP}/api/orders`, { items: [{ productId: product.id, quantity: 2 }] });
    expect((await get<Orders>('/api/orders', SHOP))?.orders).to.have.lengthOf(1);
    expect(sql('orders', 'select count(*) from orders.orders')).to.equal('1');
    expect(sql('stand', "select count(*) from pg_namespace where nspname = 'orders'")).to.equal('0');
  });

  it('has encrypted connections only, of roles that may do no more than they must', () => {
    expect(
      sql(
        'stand',
        'select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null',
      ),
    ).to.equal('t');
    expect(
      sql(
        'stand',
        "select count(*) from pg_roles where rolname in ('stand', 'orders') and (rolsuper or rolcreatedb or rolcreaterole)",
      ),
    ).to.equal('0');
    expect(sql('stand', "select has_database_privilege('orders', 'stand', 'connect')")).to.equal('f');
  });

  it('is not ready with a wrong CA, says so once, and recovers with the right one', async () => {
    const right = readFileSync(`${FILES}/ca.crt`, 'utf8');
    await surviveFault({
      cause: () => replaceCa(anotherCa()),
      cure: () => replaceCa(right),
      reason: /unable to verify the first certificate/,
    });
  });

  it('is not ready with a wrong password, says so once, and recovers with the right one', async () => {
    const setPassword = (to: string) => sql('stand', `alter role stand password '${to}'`);
    await surviveFault({
      cause: () => setPassword('another'),
      cure: () => setPassword(password('stand')),
      reason: /password authentication failed for user "stand"/,
    });
  });

  it('is not ready while the host is unreachable, says so once, and recovers with it', async () => {
    await surviveFault({
      cause: () => run('docker', 'stop', SERVER),
      cure: () => managed('up'),
      reason: /ETIMEDOUT|EHOSTUNREACH|ECONNREFUSED|ENOTFOUND/,
    });
  });

  it('takes a rotated password when its pods are restarted, without a break', async () => {
    const before = pods('catalog', NAMESPACE);
    sql('stand', "alter role stand password 'rotated'");
    kubectl('patch', 'secret', 'stand-database', '--patch={"stringData":{"password":"rotated"}}');
    kubectl('rollout', 'restart', 'deployment/catalog');
    kubectl('rollout', 'status', 'deployment/catalog', '--timeout=180s');
    await eventually('the old pods are gone', () => !pods('catalog', NAMESPACE).some((pod) => before.includes(pod)));
    expect(await get('/products', CATALOG)).to.have.property('products');
  });
});

interface Line {
  reason: string;
}

interface Fault {
  cause(): unknown;
  cure(): unknown;
  /** What the logs say of it. */
  reason: RegExp;
}

/** Breaks the way to the database under two pods: one keeps running, one is replaced meanwhile. Then heals it. */
async function surviveFault({ cause, cure, reason }: Fault): Promise<void> {
  const [running = '', replaced = ''] = pods('catalog', NAMESPACE);
  const since = new Date().toISOString();
  const said = (pod: string, container: string, what: string): Line[] => {
    const log = kubectl('logs', pod, '-c', container, `--since-time=${since}`);
    return log.split('\n').flatMap((line) => (line.includes(what) ? JSON.parse(line) : []));
  };

  cause();
  await eventually('no pod is ready', () => {
    disconnect();
    return readyPods() === 0;
  });
  expectOnce(reason, said(running, 'catalog', 'not ready: '));

  kubectl('delete', 'pod', replaced);
  const waiting = await eventually('a new pod waits', () =>
    pods('catalog', NAMESPACE, 'Pending').find(
      (pod) => isInitializing(pod) && said(pod, 'migrate', 'waiting').length > 0,
    ),
  );
  expectOnce(reason, said(waiting, 'migrate', 'waiting for the database: '));

  cure();
  await eventually('two pods are ready', () => readyPods() === 2);
  expect(pods('catalog', NAMESPACE)).to.have.members([running, waiting]);
}

/** Said, and nothing said twice: an unreachable host may have more than one reason, such as a name that expires. */
function expectOnce(reason: RegExp, lines: Line[]): void {
  const reasons = lines.map((line) => line.reason);
  expect(reasons.join('\n')).to.match(reason);
  expect(reasons).to.deep.equal([...new Set(reasons)]);
}

const readyPods = (service = 'catalog'): number =>
  Number(kubectl('get', 'deployment', service, '-o', 'jsonpath={.status.readyReplicas}') || 0);

const isInitializing = (pod: string): boolean =>
  kubectl('get', 'pod', pod, '-o', 'jsonpath={.status.initContainerStatuses[*].state.running}') !== '';

function deploy(): string {
  const settings = ['ENV=staging', `VERSION=${VERSION}`, 'CONTEXT=kind-stand', `NAMESPACE=${NAMESPACE}`];
  return run('make', 'deploy', ...settings, `VALUES=${VALUES}`);
}

/** A certificate that has signed nothing here. */
function anotherCa(): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  return run('openssl', 'req', '-x509', ...key, '-subj', '/CN=another');
}

function createSecret(role: string): void {
  const login = [`--from-literal=username=${role}`, `--from-literal=password=${password(role)}`];
  kubectl('create', 'secret', 'generic', `${role}-database`, ...login);
}

/** The kubelet renews a mounted secret within a minute or two; at once in a pod that is changed. */
function replaceCa(certificate: string): void {
  kubectl(
    'patch',
    'secret',
    'stand-database-ca',
    `--patch=${JSON.stringify({ stringData: { 'ca.crt': certificate } })}`,
  );
  kubectl('annotate', 'pods', '--all', '--overwrite', `ca-changed=${Date.now()}`);
}

/** As the server's superuser. */
function sql(database: string, statement: string): string {
  const psql = ['psql', '--tuples-only', '--no-align', '--dbname', database, '--command', statement];
  return run('docker', 'exec', '--user', 'postgres', SERVER, ...psql).trim();
}

/** Ends the connections that are open still, where there is a server to ask. */
function disconnect(): void {
  const end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'stand'";
  succeeds('docker', 'exec', '--user', 'postgres', SERVER, 'psql', '--command', end);
}

async function post<T>(url: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  expect(answer.status).to.equal(201);
  return (await answer.json()) as T;
}
