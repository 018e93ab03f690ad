/** The processes of this machine: from /proc on Linux, from ps elsewhere. One that nobody has reaped yet has ended. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from './terminal.ts';

export interface Process {
  pid: number;
  parent: number;
  /** The process group. */
  group: number;
  /** When it started, in the system's own words: with the pid it names one process for good, as numbers are used again. */
  started: string;
  /** The command line, its words and its end followed by a space. */
  command: string;
}

const POLL_MS = 20;

/** @throws {Fault} where there is neither /proc nor ps */
export function listProcesses(): Process[] {
  if (!hasProc()) return askPs('-ax');
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (readProc(name) ?? []) : []));
}

/** @throws {Fault} as listProcesses */
export function findProcess(pid: number): Process | undefined {
  return hasProc() ? readProc(String(pid)) : askPs('-p', String(pid))[0];
}

/** Whether this very process still runs, and not another one with its number. */
export function isAlive({ pid, started }: Pick<Process, 'pid' | 'started'>): boolean {
  return findProcess(pid)?.started === started;
}

/** What is left of a process group, whose first process may have ended. */
export const groupMembers = (group: number): Process[] => listProcesses().filter((one) => one.group === group);

/** Sends a signal to a whole group; one that has ended is no fault. */
export function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // It has ended.
  }
}

/** Kills a group and waits until nothing is left of it. */
export async function endGroup(group: number): Promise<void> {
  while (groupMembers(group).length > 0) {
    signalGroup(group, 'SIGKILL');
    await sleep(POLL_MS);
  }
}

const hasProc = (): boolean => existsSync('/proc/self/stat');

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html: only the name, in parentheses, may hold spaces. */
function readProc(pid: string): Process | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent, group, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if ('ZX'.includes(state)) return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return { pid: Number(pid), parent: Number(parent), group: Number(group), started: rest[16] ?? '', command };
  } catch {
    return undefined;
  }
}

const PS_LINE = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s(.*)$/;

function askPs(...selection: string[]): Process[] {
  const format = ['-ww', '-o', 'pid=,ppid=,pgid=,stat=,lstart=,command='];
  const { stdout, error } = spawnSync('ps', [...selection, ...format], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
  if (error) throw new Fault('This machine has neither /proc nor ps', 'Install ps (on Debian: package procps)');
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, group, state = 'Z', started = '', command] = PS_LINE.exec(line) ?? [];
    if (state.startsWith('Z')) return [];
    return { pid: Number(pid), parent: Number(parent), group: Number(group), started, command: `${command} ` };
  });
}
