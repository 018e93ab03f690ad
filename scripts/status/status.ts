/** What make status tells: the state of the stand, its services and its database. */
import { findLocalDatabase } from '../database/local.ts';
import type { Mode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { databasePort, hostPort, inspectorPort } from '../facts/ports.ts';
import { askPort } from '../machine/http.ts';
import { isTaken } from '../machine/ports.ts';
import { findErrors, locate } from './errors.ts';
import { lookAt } from './look.ts';
import { describePods, type PodState } from './pods.ts';
import { findRunning, type Running } from './running.ts';

// docs/status.md has these four as they are here.
export interface Status {
  /** The stand's name, and in a further slot what is after it in its cluster's. */
  name: string;
  mode: 'cluster' | 'host';
  /** Why that mode. */
  reason: string;
  /** Whether every service that is not off is ready and current, and nothing is said against one. */
  ready: boolean;
  services: ServiceStatus[];
  database: DatabaseStatus;
}

export interface ServiceStatus {
  name: string;
  state: 'ready' | 'not ready' | 'starting' | 'does not start' | 'not running' | 'off';
  address: string;
  /** Of its process, in seconds. */
  age: number | null;
  /** What is wrong, in a few words. */
  reason: string | null;
  /** What it said last that was an error since its sources were saved, or of what keeps it from starting. */
  error: LastError | null;
  /** The port that its debugger listens on. */
  debugger: number | null;
  /** Whether it runs the sources as they are on disk; null where it does not tell, as in another language. */
  current: boolean | null;
}

export interface LastError {
  /** In seconds; null for what keeps it from starting. */
  age: number | null;
  /** File and line in the repository, such as services/orders/src/app.ts:12. */
  at: string | null;
  text: string;
}

export interface DatabaseStatus {
  state: 'ready' | 'not ready' | 'not running' | 'off';
  address: string;
  reason: string | null;
}

type Pods = Map<string, PodState>;

export async function findStatus(): Promise<Status> {
  const running = await findRunning();
  const { mode, reason, runs } = running;
  const pods: Pods = runs && mode === 'cluster' ? await describePods() : new Map();
  const [services, database] = await Promise.all([describeServices(running, pods), describeDatabase(running, pods)]);
  const ready = runs && services.every(isFine) && isServing(database);
  return { name: readNames().cluster, mode, reason, ready, services, database };
}

/** Whether nothing is to be said against it. */
export const isFine = ({ state, reason, current }: ServiceStatus): boolean =>
  state === 'off' || (state === 'ready' && reason === null && current !== false);

const isServing = ({ state }: DatabaseStatus): boolean => state === 'ready' || state === 'off';

async function describeServices(running: Running, pods: Pods): Promise<ServiceStatus[]> {
  const errors = running.runs ? await findErrors(running) : undefined;
  const all = Object.entries(running.values.services);
  return Promise.all(
    all.map(async ([name, { port, enabled }]) => {
      const address = `http://localhost:${hostPort(port)}`;
      const nothing = { age: null, reason: null, error: null, debugger: null, current: null };
      if (!errors || !enabled) return { name, state: enabled ? 'not running' : 'off', address, ...nothing };
      const {
        state,
        age,
        reason,
        error,
        debugger: inspector,
        current,
      } = await seeService(name, port, running.mode, pods.get(name));
      const last = error ? { age: null, text: error } : errors.find(name);
      const located = last && { ...last, at: locate(name, last.text) };
      return { name, state, address, age, reason, error: located, debugger: inspector, current };
    }),
  );
}

async function seeService(name: string, port: number, mode: Mode, pod: PodState | undefined) {
  const inspector = inspectorPort(port);
  const address = hostPort(port);
  const [look, age, isDebugged] = await Promise.all([
    lookAt(name, address, mode),
    findAge(address),
    isTaken(inspector),
  ]);
  // Where it answers, the pod that can't serve is another one, which is to take its place.
  const seen =
    look.state === 'starting' && pod ? { ...look, ...pod } : { ...look, reason: look.reason ?? pod?.reason ?? null };
  return { ...seen, age, debugger: isDebugged ? inspector : null };
}

/** By a metric of all Prometheus clients: https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics */
async function findAge(port: number): Promise<number | null> {
  const metrics = await askPort(port, '/metrics').catch(() => undefined);
  const start = /^process_start_time_seconds (\S+)$/m.exec(metrics?.body ?? '')?.[1];
  return start ? Math.max(0, Math.round(Date.now() / 1000 - Number(start))) : null;
}

async function describeDatabase({ runs, values }: Running, pods: Pods): Promise<DatabaseStatus> {
  const address = `localhost:${databasePort()}`;
  if (!values.postgresql.enabled) return { state: 'off', address, reason: null };
  if (!runs || !(await isTaken(databasePort()))) {
    const { state = 'not running', reason = null } = pods.get('postgresql') ?? {};
    return { state: state === 'not running' ? state : 'not ready', address, reason };
  }
  return findLocalDatabase(values).then(
    () => ({ state: 'ready', address, reason: null }),
    ({ message }: Error) => ({ state: 'not ready', address, reason: message }),
  );
}
