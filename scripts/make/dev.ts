/** make dev: runs the services, in the cluster where a Docker engine answers, else on this machine; says which and why. */
import { spawn } from 'node:child_process';
import { startCluster } from '../cluster/cluster.ts';
import { argument, flagArgument, listArgument } from '../facts/arguments.ts';
import { chooseMode } from '../facts/mode.ts';
import { readNames } from '../facts/names.ts';
import { TILT_PORT, TRACES_PORT } from '../facts/ports.ts';
import { loadValues } from '../facts/values.ts';
import { runHostMode } from '../host/host.ts';
import { findEngine } from '../machine/engine.ts';
import { describeListener, isTaken } from '../machine/ports.ts';
import { Fault, run, say } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

run(async () => {
  const environment = argument('ENV') || 'local';
  const services = listArgument('SERVICES');
  const debug = flagArgument('DEBUG');
  const traces = flagArgument('TRACES');
  const { mode, reason } = chooseMode(argument('MODE'), await findEngine());
  // Says what is wrong with ENV and SERVICES, before anything starts.
  loadValues(environment, services);
  say(`Running ${mode === 'cluster' ? 'in the cluster' : 'on this machine'} (MODE=${mode}): ${reason}.`);
  if (mode === 'host') return runHostMode({ environment, services, debug, traces });

  needTools('tilt', 'helm');
  if (await isTaken(TILT_PORT))
    throw new Fault(
      `Port ${TILT_PORT}, which Tilt's page needs, is taken by ${describeListener(TILT_PORT)}`,
      `If that is a make dev of yours, it is at http://localhost:${TILT_PORT}; else end it, then try again.`,
    );
  if (traces && (await isTaken(TRACES_PORT)))
    throw new Fault(
      `Port ${TRACES_PORT}, which Jaeger's page needs, is taken by ${describeListener(TRACES_PORT)}`,
      'End it, then make dev again.',
    );
  await startCluster();
  const flags = [...(debug ? ['--debug'] : []), ...(traces ? ['--traces'] : [])];
  await runTilt(['--environment', environment, ...flags, ...services]);
});

/** On this terminal, which Tilt reads keys from; its end and its signals are ours. */
function runTilt(args: string[]): Promise<void> {
  const tilt = spawn('tilt', ['up', '--context', readNames().context, '--', ...args], { stdio: 'inherit' });
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
