/** What host mode keeps on disk: its data in .stand, and in host.json there, while it runs, its processes and ports. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { endGroup, findProcess, groupMembers, isAlive } from '../machine/processes.ts';
import { Fault } from '../machine/terminal.ts';

export const STATE = '.stand';
export const DATA = `${STATE}/postgresql`;
export const CACHE = `${STATE}/cache`;
export const LOGS = `${STATE}/logs`;
const NOTE = `${STATE}/host.json`;

interface Noted {
  pid: number;
  started: string;
}

/** The migrations of a service as they were, by their hash, when they were applied, or failed. */
export interface Migrated {
  hash: string;
  failed: boolean;
}

/** What a run is, as others ask for it. */
interface Run {
  /** Its start, in ms since 1970. */
  since: number;
  /** Which helm/app/values-ENVIRONMENT.yaml. */
  environment: string;
  /** The names of those that it runs. */
  services: string[];
  /** By the services' names. */
  migrated: Record<string, Migrated>;
  /** Those of the services and of PostgreSQL. */
  ports: number[];
}

interface Note extends Run {
  host: Noted;
  /** The first process of each service's group. */
  groups: Noted[];
}

/** The host mode that runs on this clone. */
export function findHostMode(): (Run & { pid: number }) | undefined {
  const note = readNote();
  if (!note || !isAlive(note.host)) return undefined;
  const { host, groups, ...run } = note;
  return { pid: host.pid, ...run };
}

/** What became of the service's migrations in the host mode that runs; undefined for one that has none. */
export const findMigrated = (name: string): Migrated | undefined => readNote()?.migrated[name];

/** @throws {Fault} when host mode runs on this clone; asked before anything that it stands on is replaced */
export function refuseSecondRun(): void {
  const running = findHostMode();
  if (running) throw new Fault(`Host mode runs already: process ${running.pid}`, 'Ctrl-C where it runs ends it.');
}

/** @throws {Fault} when what is here belongs to another user, as after a run as root */
export function refuseOthersState(): void {
  const uid = process.getuid?.() ?? 0;
  const foreign = [STATE, DATA, CACHE, LOGS, NOTE].find((path) => existsSync(path) && statSync(path).uid !== uid);
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
export function noteRun({ groups, ...run }: Run & { groups: number[] }): void {
  const noted = (pid: number): Noted[] => {
    const started = findProcess(pid)?.started;
    return started === undefined ? [] : [{ pid, started }];
  };
  mkdirSync(STATE, { recursive: true });
  const note = { host: noted(process.pid)[0], ...run, groups: groups.flatMap(noted) };
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
    const isNote = note.host && note.services && note.ports && note.groups;
    // Of an earlier version, which may still run after git pull, a note has neither.
    return isNote ? { since: 0, migrated: {}, ...note } : undefined;
  } catch {
    return undefined;
  }
}
