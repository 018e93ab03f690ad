/** What runs on this machine: in which mode, and which services. */
import { kubectl } from '../cluster/commands.ts';
import { argument } from '../facts/arguments.ts';
import { type Choice, checkMode, chooseMode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { TILT_PORT } from '../facts/ports.ts';
import { loadValues, type Values } from '../facts/values.ts';
import { findHostMode } from '../host/state.ts';
import { findEngine } from '../machine/engine.ts';
import { isTaken } from '../machine/ports.ts';
import { Fault } from '../machine/terminal.ts';

export interface Running extends Choice {
  /** Whether anything of it runs, or is about to. */
  runs: boolean;
  /** Its start, in ms since 1970; of a cluster 0, which keeps no lines of earlier runs. */
  since: number;
  /** Of its environment; those services are enabled that it runs. */
  values: Values;
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
    return { mode: 'host', reason, runs: true, since: host.since, values: valuesWith(host.environment, host.services) };
  }
  const environment = argument('ENV') || 'local';
  const deployed = requested === 'host' ? [] : await findDeployments();
  if (deployed.length > 0)
    return {
      mode: 'cluster',
      reason: `its release is in ${readNames().context}`,
      runs: true,
      since: 0,
      values: valuesWith(environment, deployed),
    };
  const values = loadValues(environment);
  if (requested !== 'host' && (await isTaken(TILT_PORT)))
    return { mode: 'cluster', reason: 'Tilt runs, and has deployed nothing yet', runs: true, since: 0, values };
  const { mode, reason } = chooseMode(requested, await findEngine());
  return { mode, reason: `nothing runs; make dev would choose it: ${reason}`, runs: false, since: 0, values };
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

/** The release's, in the stand's own cluster; none where that does not answer. */
async function findDeployments(): Promise<string[]> {
  const { namespace, release } = readNames();
  const selection = ['--selector', `app.kubernetes.io/instance=${release}`];
  const names = ['--output', 'jsonpath={.items[*].metadata.name}'];
  const get = ['--request-timeout', '5s', 'get', 'deployments', ...selection, ...names];
  const answer = await kubectl(namespace, get).catch(() => '');
  return answer.split(' ').filter(Boolean);
}
