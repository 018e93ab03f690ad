/**
 * make fault FROM=orders TO=catalog DELAY=2s, or REFUSE=1, ANSWER=503, CUT=1: breaks what a service calls until its
 * process ends, or CLEAR=1 does. CLEAR=1 alone clears all, with FROM or TO only those; without an argument it lists what
 * the running processes say is set. docs/faults.md says what each does.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DATABASE, delayOf, LETTER } from '../../services/chassis/fault-injection.cjs';
import { kubectl } from '../cluster/commands.ts';
import { argument, flagArgument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { hostPort } from '../facts/ports.ts';
import type { Values } from '../facts/values.ts';
import { Fault, run, say } from '../machine/terminal.ts';
import { faultsOf, listFaults, type SetFault } from '../status/faults.ts';
import { chooseServices, findRunning, type Running } from '../status/running.ts';

const POLL_MS = 50;
const PATIENCE_MS = 60_000;
const EXAMPLE = 'make fault FROM=web TO=payments DELAY=2s, or REFUSE=1, ANSWER=503 or CUT=1; CLEAR=1 ends it.';

run(async () => {
  const [from, to, setting] = [argument('FROM'), argument('TO'), readSetting()];
  const running = await findRunning();
  if (!running.runs) throw new Fault('Nothing of the stand runs', 'Start it: make dev');
  if (from) chooseServices(running, [from]);
  if (setting) return set(running, { from, to, setting });
  if (flagArgument('CLEAR')) return clear(running, from, to);
  if (from || to) throw new Fault('What is to happen is missing', EXAMPLE);
  const { faults, silent } = await listFaults(running);
  for (const fault of faults) console.log(describe(fault));
  for (const name of silent) say(`! ${name} does not answer, and so tells none`);
  if (faults.length === 0) say('No fault is set.');
});

const describe = ({ from, to, setting }: SetFault): string => `FROM=${from} TO=${to} ${setting}`;

/** Undefined where none is asked for. @throws {Fault} when it is not one, or more than one */
function readSetting(): string | undefined {
  const [delay, answer] = [argument('DELAY'), argument('ANSWER')];
  const flags = (['REFUSE', 'CUT'] as const).filter((name) => flagArgument(name));
  const kinds = [...(delay ? ['DELAY'] : []), ...(answer ? ['ANSWER'] : []), ...flags];
  if (kinds.length + Number(flagArgument('CLEAR')) > 1) throw new Fault('That is more than one thing', EXAMPLE);
  if (delay && delayOf(delay) === undefined)
    throw new Fault(`DELAY is a time such as 500ms, 2s or 1m, an hour at most, not ${delay}`);
  if (answer && !/^[45]\d\d$/.test(answer)) throw new Fault(`ANSWER is a status from 400 to 599, not ${answer}`);
  return kinds[0] && `${kinds[0]}=${delay || answer || 1}`;
}

async function set(running: Running, fault: SetFault): Promise<void> {
  checkEdge(running.values, fault);
  await deliver(running, fault);
  say(`✓ ${describe(fault)}, until its process ends, or make fault CLEAR=1`);
}

/** @throws {Fault} when nothing of the kind can be broken */
function checkEdge(values: Values, { from, to, setting }: SetFault): void {
  if (!from || !to) throw new Fault(`${from ? 'TO' : 'FROM'} is missing`, EXAMPLE);
  const { enabled, needs = [], uses = [], database } = values.services[from] ?? {};
  if (!enabled) throw new Fault(`${from} is not among the services that run`, 'make dev SERVICES="…" runs it.');
  const callees = [
    ...[...needs, ...uses].filter((name) => values.services[name]?.enabled),
    ...(database?.enabled && !database.host && values.postgresql.enabled ? [DATABASE] : []),
  ];
  if (!callees.includes(to))
    throw new Fault(
      `${from} calls no ${to} that runs here`,
      callees.length > 0 ? `It calls: ${callees.join(', ')}` : 'It calls nobody.',
    );
  if (to === DATABASE && setting.startsWith('ANSWER'))
    throw new Fault(`${DATABASE} knows no ${setting}`, 'DELAY, REFUSE or CUT breaks it.');
}

async function clear(running: Running, from: string, to: string): Promise<void> {
  const { faults } = await listFaults(running);
  const chosen = faults.filter((fault) => (!from || fault.from === from) && (!to || fault.to === to));
  if (chosen.length === 0) return say('No such fault is set.');
  // One letter to a service after the other.
  for (const fault of chosen) await deliver(running, { from: fault.from, to: fault.to });
  for (const fault of chosen) say(`✓ Cleared: ${describe(fault)}`);
}

/** Returns when the process that it is about says so. @throws {Fault} when it can't, or does not in time */
async function deliver(running: Running, { from, to, setting }: Omit<SetFault, 'setting'> & { setting?: string }) {
  const port = hostPort(running.values.services[from]?.port ?? 0);
  const find = () => faultsOf(port).catch(() => ({}) as Record<string, string>);
  if (!(await find()))
    throw new Fault(`${from} does not run from its sources on the chassis, so nothing there can break its calls`);
  await send(running, from, JSON.stringify({ to, setting }));
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await sleep(POLL_MS))
    if ((await find())?.[to] === setting) return;
  throw new Fault(`${from} has not taken it up within ${PATIENCE_MS / 1000} s`, 'make status says what it is doing.');
}

/** Whole, or not at all, as it is read at once. */
async function send({ mode, local }: Running, from: string, letter: string): Promise<void> {
  if (mode === 'host' || local.includes(from)) {
    const path = `services/${from}/${LETTER}`;
    writeFileSync(`${path}.new`, letter);
    return renameSync(`${path}.new`, path);
  }
  const write = `cat > ${LETTER}.new && mv ${LETTER}.new ${LETTER}`;
  const target = ['--stdin', `deployment/${from}`, '--container', from];
  await kubectl(readNames().namespace, ['exec', ...target, '--', 'sh', '-c', write], letter);
}
