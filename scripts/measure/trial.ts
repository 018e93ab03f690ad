/**
 * A trial: what `make package` has built, installed with production's values in a namespace of its own in the stand's
 * cluster. Two replicas of each service, a PostgreSQL beside them, and all of it open to this machine.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { packageOf } from '../chart/package.ts';
import { createNamespace, deleteNamespace, helm, kubectl } from '../cluster/commands.ts';
import { freePorts, thisMachine } from '../cluster/outside.ts';
import { readNames } from '../facts/names.ts';
import { hostPort, nodePortOf } from '../facts/ports.ts';
import { CHART, loadValues, type Values } from '../facts/values.ts';
import { send } from './load.ts';

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
}

export class Trial {
  readonly namespace: string;
  readonly version: string;
  readonly #values: Values;
  /** As in the values, by service. */
  readonly #ports: Map<string, number>;

  /** Makes the namespace, empty. @throws {Fault} when there are fewer free ports than services */
  static async begin(namespace: string, version: string): Promise<Trial> {
    await createNamespace(namespace);
    const values = loadValues('prod');
    const services = Object.keys(values.services).filter((name) => values.services[name]?.enabled);
    const ports = await freePorts(services.length);
    return new Trial(namespace, version, values, new Map(services.map((name, index) => [name, ports[index] ?? 0])));
  }

  private constructor(namespace: string, version: string, values: Values, ports: Map<string, number>) {
    this.namespace = namespace;
    this.version = version;
    this.#values = values;
    this.#ports = ports;
  }

  end(): Promise<void> {
    return deleteNamespace(this.namespace);
  }

  kubectl(...args: string[]): Promise<string> {
    return kubectl(this.namespace, args);
  }

  helm(...args: string[]): Promise<string> {
    return helm(this.namespace, args);
  }

  /** Those that production enables. */
  get services(): string[] {
    return [...this.#ports.keys()];
  }

  url(service: string): string {
    return `http://localhost:${hostPort(this.#ports.get(service) ?? 0)}`;
  }

  /** Installs the release and waits until every service answers; `settings` are as in helm's --set. */
  async install(...settings: string[]): Promise<void> {
    const files = [`${CHART}/values-prod.yaml`, packageOf(this.version).images, '-'];
    const values = files.flatMap((file) => ['--values', file]);
    const args = ['install', readNames().release, CHART, ...values, ...asFlags(settings), '--wait'];
    await helm(this.namespace, args, JSON.stringify(this.#installation(await thisMachine())));
    await this.#ignoreDisk();
    for (const service of this.services) await answers(this.url(service));
  }

  /** Changes these values of the release. */
  upgrade(...settings: string[]): Promise<string> {
    return this.helm('upgrade', readNames().release, CHART, '--reuse-values', ...asFlags(settings), '--wait');
  }

  /** The names of a service's pods, without those that are about to go. */
  async pods(service: string): Promise<string[]> {
    const selection = ['--selector', `app.kubernetes.io/name=${service}`];
    const { items } = JSON.parse(await this.kubectl('get', 'pods', ...selection, '--output', 'json'));
    return (items as Pod[]).filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
  }

  /** What each of a service's pods answers at /metrics: asked from within, as the policies let nobody else in. */
  async metrics(service: string): Promise<string[]> {
    const url = "'http://127.0.0.1:' + process.env.MANAGEMENT_PORT + '/metrics'";
    const print = `fetch(${url}).then((answer) => answer.text()).then(console.log)`;
    const read = (pod: string): Promise<string> => this.kubectl('exec', pod, '--', 'node', '--eval', print);
    return Promise.all((await this.pods(service)).map(read));
  }

  /** Waits until replaced pods are gone: while they drain, they answer as they did before. */
  async drained(): Promise<void> {
    const isLeaving = 'jsonpath={.items[?(@.metadata.deletionTimestamp)].metadata.name}';
    while (await this.kubectl('get', 'pods', '--output', isLeaving)) await sleep(200);
  }

  isRolledOut(service: string): Promise<string> {
    return this.kubectl('rollout', 'status', `deployment/${service}`, '--timeout=120s');
  }

  /** What lies on top of values-prod.yaml. */
  #installation(extraIngress: object[]): object {
    const open = ([service, port]: [string, number]) => {
      return [service, { service: { type: 'NodePort', nodePort: nodePortOf(port) }, networkPolicy: { extraIngress } }];
    };
    return {
      serviceDefaults: { autoscaling: { enabled: false }, replicas: 2, resources: { requests: { cpu: '10m' } } },
      services: Object.fromEntries([...this.#ports].map(open)),
      postgresql: { enabled: true, auth: { password: 'trial' } },
      externalDatabase: { host: '', existingSecret: '', ca: { existingSecret: '' } },
    };
  }

  /** PostgreSQL waits for no disk: a shared machine's may stall for seconds, which is nothing that a new pod costs. */
  async #ignoreDisk(): Promise<void> {
    const { username, database } = this.#values.postgresql.auth;
    const statements = ['alter system set fsync = off', 'select pg_reload_conf()'];
    const commands = statements.map((statement) => `--command=${statement}`);
    await this.kubectl(
      ...['exec', 'postgresql-0', '--', 'psql', `--username=${username}`, `--dbname=${database}`, ...commands],
    );
  }
}

/** Waits for a new address: a NodePort leads to its pods a moment after they are ready. @throws what failed last */
export async function answers(url: string, attempts = 100): Promise<void> {
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

const asFlags = (settings: string[]): string[] => settings.flatMap((setting) => ['--set', setting]);
