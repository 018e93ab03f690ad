/** What runs on this machine: in which mode, and which services. */
import { kubectl } from '../cluster/commands.ts';
import { argument } from '../facts/arguments.ts';
import { type Choice, checkMode, chooseMode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { tiltPort } from '../facts/ports.ts';
import { loadValues, type Values } from '../facts/values.ts';
import { findHostMode } from '../host/state.ts';
import { findEngine } from '../machine/engine.ts';
import { parseObject } from '../machine/json.ts';
import { isTaken } from '../machine/ports.ts';
import { Fault } from '../machine/terminal.ts';

export interface Running extends Choice {
  /** Whether anything of it runs, or is about to. */
  runs: boolean;
  /** Its start, in ms since 1970; of a cluster 0, which keeps no lines of earlier runs. */
  since: number;
  /** Of its environment; those services are enabled that it runs. */
  values: Values;
  /** Those of the cluster's that run on this machine (make dev LOCAL=). */
  local: string[];
}

/**
 * What runs decides, unless MODE does; where nothing does, it is what make dev would choose.
 * @throws with a sentence when MODE or ENV is none
 */
export async function findRunning(): Promise<Running> {
  const requested = argument('MODE');
  checkMode(requested);
  const host = requested === 'cluster' ? undefined : findHostMode();
  if (host) {
    const reason = `host mode runs, as process ${host.pid}`;
    const values = valuesWith(host.environment, host.services);
    return { mode: 'host', reason, runs: true, since: host.since, values, local: [] };
  }
  const environment = argument('ENV') || 'local';
  const deployed = requested === 'host' ? [] : await findServices();
  if (deployed.length > 0) {
    const local = namesOf(deployed.filter(({ spec }) => spec.selector.endpoint));
    const here = local.length > 0 ? `, with ${local.join(' and ')} on this machine` : '';
    return {
      mode: 'cluster',
      reason: `its release is in ${readNames().context}${here}`,
      runs: true,
      since: 0,
      values: valuesWith(environment, namesOf(deployed)),
      local,
    };
  }
  const values = loadValues(environment);
  if (requested !== 'host' && (await isTaken(tiltPort())))
    return {
      mode: 'cluster',
      reason: 'Tilt runs, and has deployed nothing yet',
      runs: true,
      since: 0,
      values,
      local: [],
    };
  const { mode, reason } = chooseMode(requested, await findEngine());
  return {
    mode,
    reason: `nothing runs; make dev would choose it: ${reason}`,
    runs: false,
    since: 0,
    values,
    local: [],
  };
}

/** The services that a script is asked about: all that run, or those it names. @throws {Fault} for a name that is none */
export function chooseServices({ values }: Pick<Running, 'values'>, names: string[]): string[] {
  const all = Object.keys(values.services);
  const unknown = names.find((name) => !all.includes(name));
  if (unknown) throw new Fault(`There is no service ${unknown}. There are: ${all.sort().join(', ')}.`);
  return names.length > 0 ? names : all.filter((name) => values.services[name]?.enabled);
}

function valuesWith(environment: string, running: string[]): Values {
  const values = loadValues(environment);
  for (const [name, service] of Object.entries(values.services)) service.enabled = running.includes(name);
  return values;
}

interface Service {
  metadata: { name: string };
  spec: { selector: Record<string, string> };
}

/** The release's, in the stand's own cluster, its database's among them; none where that does not answer. */
async function findServices(): Promise<Service[]> {
  const { namespace, release } = readNames();
  const selection = ['--selector', `app.kubernetes.io/instance=${release}`];
  const get = ['--request-timeout', '5s', 'get', 'services', ...selection, '--output', 'json'];
  return parseObject(await kubectl(namespace, get).catch(() => '')).items ?? [];
}

const namesOf = (services: Service[]): string[] => services.map(({ metadata }) => metadata.name);
