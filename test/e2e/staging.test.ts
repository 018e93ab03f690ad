import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { createNamespace, deleteNamespace, kubectl as kubectlIn } from '../../scripts/cluster/commands.ts';
import { freePorts, thisMachine } from '../../scripts/cluster/outside.ts';
import { readNames } from '../../scripts/facts/names.ts';
import { nodePortOf } from '../../scripts/facts/ports.ts';
import { ask, capture } from '../../scripts/machine/command.ts';
import { send, underLoad } from '../../scripts/measure/load.ts';
import { getJson } from '../setup/http.ts';
import { eventually } from '../setup/wait.ts';
import { inFixture, packageOnce, pods, VERSION } from './setup.ts';

const NAMESPACE = 'external';
const INSTALLATION = '.stand/installation.yaml';
const FILES = '.stand/managed-postgres';
const PGBOUNCER_PORT = 6432;
const TYPESCRIPT = ['--conditions=source', '--require', 'ts-node/register'];

const { name, cluster, context } = readNames();
const SERVER = `${cluster}-managed-postgres`;
/** The database, the role that has it, and the Secrets that values-staging.yaml names. */
const { name: ROLE, existingSecret, ca } = parse(readFileSync('helm/app/values-staging.yaml', 'utf8')).externalDatabase;

const kubectl = (...args: string[]): Promise<string> => kubectlIn(NAMESPACE, args);
const managed = (...args: string[]): Promise<string> =>
  capture('env', ['YES=1', 'node', ...TYPESCRIPT, 'scripts/make/managed-postgres.ts', ...args]);

describe('staging, on a managed PostgreSQL with TLS', function () {
  this.bail(true);
  let ports: Record<'front' | 'store', number>;
  let front: string;
  let store: string;

  inFixture();
  before(async () => {
    await packageOnce();
    await managed('down');
    await managed('up');
    await createNamespace(NAMESPACE);
    await createSecrets();
    const [frontPort = 0, storePort = 0] = await freePorts(2);
    ports = { front: frontPort, store: storePort };
    await describeInstallation(ports);
    front = `http://localhost:${frontPort}`;
    store = `http://localhost:${storePort}`;
  });

  afterEach(async function () {
    if (!this.currentTest?.isFailed()) return;
    console.log(await kubectl('describe', 'pods', '--selector', 'app.kubernetes.io/name=store'));
  });

  after(async () => {
    await deleteNamespace(NAMESPACE);
    await managed('down');
  });

  it('is deployed by make deploy, and passes helm test', async () => {
    const first = await deploy();
    expect(first).to.contain(`There is no release ${name} in external yet`).and.to.contain(`staging runs ${VERSION}`);
    expect(await deploy()).to.contain('nothing to change');
  });

  it('has two pods of each service, as the autoscaler says', async () => {
    await eventually('two pods of front', async () => (await readyPods('front')) === 2);
    await eventually('two pods of store', async () => (await readyPods('store')) === 2);
  });

  it('has nothing in its images that only development needs', async () => {
    const find = ['find', '/app', '-name', 'node_modules', '-prune', '-o', '-type', 'f', '-print'];
    const files = (await kubectl('exec', 'deployment/front', '--', ...find)).split('\n');
    expect(files).to.include('/app/services/chassis/dist/server.js');
    expect(files.filter((file) => /\.cjs$|\/src\/|\/test\//.test(file))).to.deep.equal([]);
  });

  it('keeps what it is given in that database', async () => {
    expect((await send(store, { name: 'kept' })).status).to.equal(201);
    expect(await getJson(`${front}/items`)).to.deep.equal({ items: [{ id: 1, name: 'kept' }] });
    expect(await sql('select name from store.items')).to.equal('kept');
  });

  it('shows the lines of a request through all services by make logs', async () => {
    await fetch(`${front}/items`, { headers: { 'x-request-id': 'followed' } });
    const args = [`CONTEXT=${context}`, `NAMESPACE=${NAMESPACE}`, 'REQUEST=followed'];
    const output = await eventually('front has said it', async () => {
      const { stdout } = await ask('make', '--silent', 'logs', ...args);
      return stdout.includes('GET /items') && stdout;
    });
    expect(output).to.match(/^store .* GET \/ 200 .*\nfront .* GET \/items 200 .*\n$/);
  });

  it('has encrypted connections only, of a role that may do no more than it must', async () => {
    const connections = 'pg_stat_ssl join pg_stat_activity using (pid) where client_addr is not null';
    expect(await sql(`select bool_and(ssl) from ${connections}`)).to.equal('t');
    expect(
      await sql(`select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = '${ROLE}'`),
    ).to.equal('f');
  });

  it('is not ready with a wrong CA, says so once, and recovers with the right one', async () => {
    const right = readFileSync(`${FILES}/ca.crt`, 'utf8');
    await surviveFault({
      cause: async () => replaceSecret(ca.existingSecret, { 'ca.crt': await anotherCa() }),
      cure: () => replaceSecret(ca.existingSecret, { 'ca.crt': right }),
      reason: /unable to verify the first certificate/,
    });
  });

  it('is not ready with a wrong password, says so once, and recovers with the right one', async () => {
    const setPassword = (to: string) => sql(`alter role "${ROLE}" password '${to}'`);
    await surviveFault({
      cause: () => setPassword('another'),
      cure: () => setPassword(password()),
      reason: new RegExp(`password authentication failed for user "${ROLE}"`),
    });
  });

  it('is not ready while the host is unreachable, says so once, and recovers with it', async () => {
    await surviveFault({
      cause: () => capture('docker', ['stop', SERVER]),
      cure: () => managed('up'),
      reason: /ETIMEDOUT|EHOSTUNREACH|ECONNREFUSED|ENOTFOUND/,
    });
  });

  it('answers 503 and is not ready while the database takes no changes, and heals by itself', async () => {
    const before = await containers('store');
    await setReadOnly('on');
    await eventually('a change is refused', async () => (await addItem(store)) === 503);
    await eventually('no pod is ready', async () => (await readyPods('store')) === 0);
    await setReadOnly('off');
    await eventually('two pods are ready', async () => (await readyPods('store')) === 2);
    await eventually('a change is taken', async () => (await addItem(store)) === 201);
    expect(await containers('store')).to.deep.equal(before);
  });

  it('takes a rotated password and a new role in running pods', async () => {
    const before = await containers('store');
    await sql(`alter role "${ROLE}" password 'rotated'`);
    await replaceSecret(existingSecret, { password: 'rotated' });
    await expectLogin(ROLE);

    await sql(`create role another login password 'another' in role "${ROLE}"; alter role another set role "${ROLE}"`);
    await replaceSecret(existingSecret, { username: 'another', password: 'another' });
    await expectLogin('another');
    expect(await getJson(store)).to.have.property('items');
    expect(await containers('store')).to.deep.equal(before);
  });

  it('replaces four pods under load where connections are few', async () => {
    await sql('alter system set max_connections = 30');
    await capture('docker', ['restart', SERVER]);
    await managed('up');
    const autoscaling = { minReplicas: 4, maxReplicas: 4 };
    await describeInstallation(ports, { store: { autoscaling, database: { poolSize: 3 } } });
    await deploy();
    await eventually('four pods of store', async () => (await readyPods('store')) === 4);

    const load = await underLoad([() => send(store), () => send(`${front}/items`)], async () => {
      await kubectl('rollout', 'restart', 'deployment/store');
      await kubectl('rollout', 'status', 'deployment/store', '--timeout=5m');
    });
    expect(load.failures).to.deep.equal([]);
  });

  it('goes through PgBouncer in transaction mode, but migrates beside it', async () => {
    await startPgBouncer('another', 'another');
    await sql('drop schema store cascade');
    await describeInstallation(ports, {}, { port: PGBOUNCER_PORT, direct: { host: SERVER } });
    await deploy();
    expect(await addItem(store)).to.equal(201);
    expect(await getJson(`${front}/items`)).to.deep.equal({ items: [{ id: 1, name: 'added' }] });
    const clients = `select distinct host(client_addr) from pg_stat_activity where usename = 'another'`;
    await eventually('all come from PgBouncer', async () => (await sql(clients)) === '127.0.0.1');
  });
});

interface Line {
  reason: string;
}

interface Fault {
  cause(): Promise<unknown>;
  cure(): Promise<unknown>;
  /** What the logs say of it. */
  reason: RegExp;
}

/** Breaks the way to the database under two pods: one keeps running, one is replaced meanwhile. Then heals it. */
async function surviveFault({ cause, cure, reason }: Fault): Promise<void> {
  const [running = '', replaced = ''] = await pods('store', NAMESPACE);
  const since = new Date().toISOString();
  const said = async (pod: string, container: string, what: string): Promise<Line[]> => {
    const log = await kubectl('logs', pod, '--container', container, `--since-time=${since}`);
    return log.split('\n').flatMap((line) => (line.includes(what) ? JSON.parse(line) : []));
  };

  await cause();
  await eventually('no pod is ready', async () => {
    await disconnect();
    return (await readyPods('store')) === 0;
  });
  expectOnce(reason, await said(running, 'store', 'not ready: '));

  await kubectl('delete', 'pod', replaced);
  const waiting = await eventually('a new pod waits', async () => {
    const [pod] = await pods('store', NAMESPACE, 'Pending');
    const waits = pod && (await isInitializing(pod)) && (await said(pod, 'migrate', 'waiting')).length > 0;
    return waits ? pod : undefined;
  });
  expectOnce(reason, await said(waiting, 'migrate', 'waiting for the database: '));

  await cure();
  await eventually('two pods are ready', async () => (await readyPods('store')) === 2);
  expect(await pods('store', NAMESPACE)).to.have.members([running, waiting]);
}

/** Said, and nothing said twice: an unreachable host may have more than one reason, such as a name that expires. */
function expectOnce(reason: RegExp, lines: Line[]): void {
  const reasons = lines.map((line) => line.reason);
  expect(reasons.join('\n')).to.match(reason);
  expect(reasons).to.deep.equal([...new Set(reasons)]);
}

const readyPods = async (service: string): Promise<number> =>
  Number(await kubectl('get', 'deployment', service, '--output', 'jsonpath={.status.readyReplicas}'));

async function isInitializing(pod: string): Promise<boolean> {
  const state = 'jsonpath={.status.initContainerStatuses[*].state.running}';
  return (await kubectl('get', 'pod', pod, '--output', state)) !== '';
}

/** What this installation has of its own, on top of values-staging.yaml. */
async function describeInstallation(
  ports: Record<string, number>,
  more: Record<string, object> = {},
  database: object = {},
): Promise<void> {
  const networkPolicy = { extraIngress: await thisMachine() };
  const open = ([service, port]: [string, number]) => {
    return [service, { service: { type: 'NodePort', nodePort: nodePortOf(port) }, networkPolicy, ...more[service] }];
  };
  const services = Object.fromEntries(Object.entries(ports).map(open));
  writeFileSync(INSTALLATION, JSON.stringify({ services, externalDatabase: { host: SERVER, ...database } }));
}

function deploy(): Promise<string> {
  const settings = ['ENV=staging', `VERSION=${VERSION}`, `CONTEXT=${context}`, `NAMESPACE=${NAMESPACE}`];
  return capture('make', ['deploy', ...settings, `VALUES=${INSTALLATION}`, 'YES=1']);
}

/** A certificate that has signed nothing here. */
function anotherCa(): Promise<string> {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
  return capture('openssl', ['req', '-x509', ...key, '-subj', '/CN=another']);
}

const password = (): string => readFileSync(`${FILES}/${ROLE}.password`, 'utf8');

async function createSecrets(): Promise<void> {
  const login = [`--from-literal=username=${ROLE}`, `--from-literal=password=${password()}`];
  await kubectl('create', 'secret', 'generic', existingSecret, ...login);
  await kubectl('create', 'secret', 'generic', ca.existingSecret, `--from-file=ca.crt=${FILES}/ca.crt`);
}

/** The kubelet renews a mounted Secret within a minute or two; at once in a pod that is changed. */
async function replaceSecret(secret: string, stringData: Record<string, string>): Promise<void> {
  await kubectl('patch', 'secret', secret, `--patch=${JSON.stringify({ stringData })}`);
  await kubectl('annotate', 'pods', '--all', '--overwrite', `secret-changed=${Date.now()}`);
}

/** Waits until all pods are ready with connections, made from now on, of this role only. */
async function expectLogin(role: string): Promise<void> {
  await disconnect();
  await eventually(`all pods log in as ${role}`, async () => {
    const logins = await sql('select distinct usename from pg_stat_activity where client_addr is not null');
    if (logins !== role) await disconnect();
    return logins === role && (await readyPods('store')) === 2;
  });
}

/** Which containers of a service run, and how often each was started. */
const containers = (service: string): Promise<string> => {
  const fields = '{.metadata.name} {.status.containerStatuses[*].restartCount}';
  const selector = `app.kubernetes.io/name=${service}`;
  return kubectl('get', 'pods', '--selector', selector, '--output', `jsonpath={range .items[*]}${fields};{end}`);
};

const asSuperuser = ['exec', '--user', 'postgres', SERVER, 'psql', '--tuples-only', '--no-align', '--dbname', ROLE];

const sql = (statement: string): Promise<string> => capture('docker', [...asSuperuser, '--command', statement]);

/** As the former primary is after a failover. */
const setReadOnly = (value: 'on' | 'off'): Promise<string> =>
  capture('docker', [
    ...asSuperuser,
    ...['--command', `alter system set default_transaction_read_only = ${value}`],
    ...['--command', 'select pg_reload_conf()'],
  ]);

/** The status of the answer; 0 when nobody listens. */
async function addItem(store: string): Promise<number> {
  const body = JSON.stringify({ name: 'added' });
  const headers = { 'content-type': 'application/json', connection: 'close' };
  const signal = AbortSignal.timeout(10_000);
  const answer = await fetch(store, { method: 'POST', headers, body, signal }).catch(() => undefined);
  return answer?.status ?? 0;
}

/** Beside the server, with its certificate, for one role. https://www.pgbouncer.org/config.html */
async function startPgBouncer(role: string, itsPassword: string): Promise<void> {
  const inServer = (user: string, command: string, input = ''): Promise<string> =>
    capture('docker', ['exec', '--interactive', '--user', user, SERVER, 'sh', '-c', command], input);
  const data = await sql('show data_directory');
  await inServer('root', 'apt-get update && apt-get install --yes --no-install-recommends pgbouncer');
  await inServer('postgres', 'umask 077; cat > /tmp/userlist.txt', `"${role}" "${itsPassword}"\n`);
  const settings = `[databases]
* = host=127.0.0.1
[pgbouncer]
pool_mode = transaction
listen_addr = *
listen_port = ${PGBOUNCER_PORT}
unix_socket_dir =
pidfile = /tmp/pgbouncer.pid
auth_type = scram-sha-256
auth_file = /tmp/userlist.txt
client_tls_sslmode = require
client_tls_cert_file = ${data}/server.crt
client_tls_key_file = ${data}/server.key
`;
  await inServer('postgres', 'cat > /tmp/pgbouncer.ini; pgbouncer --daemon /tmp/pgbouncer.ini', settings);
}

/** Ends the connections that are open still, where there is a server to ask. */
async function disconnect(): Promise<void> {
  const end = `select pg_terminate_backend(pid) from pg_stat_activity where client_addr is not null`;
  await ask('docker', ...asSuperuser, '--command', end);
}
