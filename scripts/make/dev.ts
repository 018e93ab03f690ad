/** make dev: runs the services, in the cluster where a Docker engine answers, else on this machine; says which and why. */
import { spawn } from 'node:child_process';
import { startCluster } from '../cluster/cluster.ts';
import { findReachFault } from '../cluster/reach.ts';
import { findReleased } from '../cluster/released.ts';
import { takeSlot } from '../cluster/slots.ts';
import { argument, flagArgument, listArgument } from '../facts/arguments.ts';
import { chooseDatabasePerBranch, noteDatabasePerBranch } from '../facts/branch.ts';
import { chooseMode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { localPort, otherSlot, tiltPort, tracesPort } from '../facts/ports.ts';
import { DISTANCE } from '../facts/slot.ts';
import { checkLocal, loadValues } from '../facts/values.ts';
import { runHostMode } from '../host/host.ts';
import { refuseOthersState } from '../host/state.ts';
import { findEngine } from '../machine/engine.ts';
import { describeListener, isTaken } from '../machine/ports.ts';
import { Fault, run, say } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

run(async () => {
  const environment = argument('ENV') || 'local';
  const services = listArgument('SERVICES');
  const debug = flagArgument('DEBUG', true);
  const traces = flagArgument('TRACES');
  const local = listArgument('LOCAL');
  const [edit, version] = [listArgument('EDIT'), argument('VERSION')];
  const tests = flagArgument('TESTS', true);
  chooseDatabasePerBranch(isPerBranch(argument('DB'), environment));
  const { mode, reason } = chooseMode(argument('MODE'), await findEngine());
  // Says what is wrong with ENV and SERVICES, before anything starts.
  const values = loadValues(environment, services);
  checkLocal(local, environment, values.services);
  findReleased({ edit, local, version, environment }, values.services);
  say(`Running ${mode === 'cluster' ? 'in the cluster' : 'on this machine'} (MODE=${mode}): ${reason}.`);
  for (const [name, given] of Object.entries({ LOCAL: local, EDIT: edit }))
    if (mode === 'host' && given.length > 0)
      throw new Fault(`${name} is about the cluster; in host mode all services run on this machine`, 'Leave it out.');
  if (mode === 'host') refuseOthersState();
  await takeSlot(argument('SLOT'));
  const { slot, context } = readNames();
  if (slot > 0)
    say(`Slot ${slot}: ports are ${DISTANCE * slot} higher than in slot 0${mode === 'cluster' ? `; ${context}` : ''}`);
  if (mode === 'host') return runHostMode({ environment, services, debug, traces });

  needTools('tilt', 'helm');
  await needPort(
    tiltPort(),
    'Tilt',
    `If that is a make dev of yours, it is at http://localhost:${tiltPort()}; else end it`,
  );
  if (traces) await needPort(tracesPort(), 'Jaeger');
  await startCluster();
  noteDatabasePerBranch(values.postgresql.database);
  for (const name of local) await needReach(values.services[name]?.port ?? 0);
  const switches = Object.entries({ debug, traces, tests }).flatMap(([name, isOn]) => (isOn ? [`--${name}`] : []));
  const lists = Object.entries({ local, edit }).flatMap(([flag, names]) => names.map((name) => `--${flag}=${name}`));
  const flags = [...switches, ...lists, ...(version ? [`--version=${version}`] : [])];
  await runTilt(['--environment', environment, ...flags, ...services]);
});

/** @throws {Fault} when DB is anything else than branch, or is not about local data */
function isPerBranch(value: string, environment: string): boolean {
  if (!['', 'branch'].includes(value)) throw new Fault(`DB is branch or nothing, not ${value}`);
  if (value && environment !== 'local')
    throw new Fault(`DB=branch is about local data, never that of ENV=${environment}`);
  return value !== '';
}

/** @throws {Fault} when another program has the port of a page */
async function needPort(port: number, whose: string, remedy = 'End it'): Promise<void> {
  if (!(await isTaken(port))) return;
  throw new Fault(
    `Port ${port}, which ${whose}'s page needs, is taken by ${describeListener(port)}`,
    `${remedy}, then try again; or take other ports: ${otherSlot()}`,
  );
}

/** @throws {Fault} when pods would not reach a service that runs here */
async function needReach(port: number): Promise<void> {
  const fault = await findReachFault(localPort(port));
  if (fault) throw fault;
}

/** On this terminal, which Tilt reads keys from; its end and its signals are ours. */
function runTilt(args: string[]): Promise<void> {
  const tilt = spawn('tilt', ['up', '--context', readNames().context, '--port', String(tiltPort()), '--', ...args], {
    stdio: 'inherit',
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      // Ctrl-C reaches Tilt by itself.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) tilt.kill(signal);
    });
  return new Promise((done, fail) => {
    tilt.once('error', fail).once('close', (code) => {
      process.exitCode = code ?? 1;
      done();
    });
  });
}
