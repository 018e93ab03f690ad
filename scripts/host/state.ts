/** What host mode keeps on disk: its data in .stand, and in host.json there, while it runs, its processes and ports. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { endGroup, findProcess, groupMembers, isAlive } from '../machine/processes.ts';
import { Fault } from '../machine/terminal.ts';

export const STATE = '.stand';
export const DATA = `${STATE}/postgresql`;
export const CACHE = `${STATE}/cache`;
const NOTE = `${STATE}/host.json`;

interface Noted {
  pid: number;
  started: string;
}

interface Note {
  host: Noted;
  /** Those of the services and of PostgreSQL. */
  ports: number[];
  /** The first process of each service's group. */
  groups: Noted[];
}

/** The host mode that runs on this clone: its process, and the ports that are its own. */
export function findHostMode(): { pid: number; ports: number[] } | undefined {
  const note = readNote();
  return note && isAlive(note.host) ? { pid: note.host.pid, ports: note.ports } : undefined;
}

/** @throws {Fault} when host mode runs on this clone; asked before anything that it stands on is replaced */
export function refuseSecondRun(): void {
  const running = findHostMode();
  if (running) throw new Fault(`Host mode runs already: process ${running.pid}`, 'Ctrl-C where it runs ends it.');
}

/** @throws {Fault} when what is here belongs to another user, as after a run as root */
export function refuseOthersState(): void {
  const uid = process.getuid?.() ?? 0;
  const foreign = [STATE, DATA, CACHE, NOTE].find((path) => existsSync(path) && statSync(path).uid !== uid);
  if (uid === 0 || !foreign) return;
  const owner = statSync(foreign).uid === 0 ? 'root' : `user ${statSync(foreign).uid}`;
  throw new Fault(
    `${foreign} belongs to ${owner}, and host mode runs as ${userInfo().username}`,
    `Keep the data with: sudo chown -R ${uid} ${STATE}; or start anew with: sudo rm -r ${STATE}`,
  );
}

/** Ends what a killed run has left behind. PostgreSQL is startPostgres's to end, which knows how. */
export async function endLeftovers(): Promise<void> {
  const note = readNote();
  // While a member of a group lives, its first process's number is nobody else's.
  const ours = note?.groups.filter(({ pid, started }) => (findProcess(pid)?.started ?? started) === started) ?? [];
  for (const { pid } of ours) if (groupMembers(pid).length > 0) await endGroup(pid);
  forgetRun();
}

/** Writes down this run; `groups` are the pids of the services' first processes. */
export function noteRun(ports: number[], groups: number[]): void {
  const noted = (pid: number): Noted[] => {
    const started = findProcess(pid)?.started;
    return started === undefined ? [] : [{ pid, started }];
  };
  mkdirSync(STATE, { recursive: true });
  const note = { host: noted(process.pid)[0], ports, groups: groups.flatMap(noted) };
  writeFileSync(`${NOTE}.new`, JSON.stringify(note));
  renameSync(`${NOTE}.new`, NOTE);
}

export function forgetRun(): void {
  rmSync(NOTE, { force: true });
}

/** Undefined when there is none, or one that is not ours to read. */
function readNote(): Note | undefined {
  try {
    const note = JSON.parse(readFileSync(NOTE, 'utf8'));
    return note.host && note.ports && note.groups ? note : undefined;
  } catch {
    return undefined;
  }
}
