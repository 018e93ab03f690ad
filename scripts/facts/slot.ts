/**
 * Which of several stands on this machine a clone or git worktree is: its slot. Its ports and its cluster's name follow
 * from that. The slots of all clones of a user are in one file, each from make dev until make clean.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';

export interface Slot {
  /** 0 has the ports of cluster/ctlptl.yaml, each further one those that are 100 higher. */
  number: number;
  /** The clone's folder. */
  root: string;
  /** The kind cluster's name. */
  cluster: string;
  /** Shared by all clones of the same stand. */
  registry: Registry;
}

export interface Registry {
  name: string;
  port: number;
}

/** As cluster/ctlptl.yaml says it. */
export interface Base {
  name: string;
  registry: Registry;
}

/** Above, the debuggers' ports would reach Tilt's. */
export const SLOTS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
export const DISTANCE = 100;
/** With what follows, kind's names of nodes stay below the 63 characters of a host name. */
const MAX_PART = 20;

/** The clone's own note of its slot: it is known by that where it was moved to, or where the list of all was lost. */
export const OWN_SLOT = '.stand/slot.json';

/** https://specifications.freedesktop.org/basedir-spec/latest/ */
export const slotsFile = (): string =>
  join(process.env.XDG_STATE_HOME || join(homedir(), '.local/state'), 'stands/slots.json');

/** This clone's; before its first make dev the one that it would take. */
export function findSlot(base: Base): Slot {
  const slots = readSlots();
  return findOwn(slots) ?? proposeSlot(slots, base) ?? slotOf(0, [], base);
}

export function findOwn(slots: Slot[]): Slot | undefined {
  const root = process.cwd();
  return slots.find((slot) => slot.root === root) ?? readOwn(slots, root);
}

function readOwn(slots: Slot[], root: string): Slot | undefined {
  const own: Slot | undefined = existsSync(OWN_SLOT) ? JSON.parse(readFileSync(OWN_SLOT, 'utf8')) : undefined;
  // Copied with a clone that is still there, or given to another one since.
  const isOfAnother = own && own.root !== root && existsSync(own.root);
  const holder = slots.find(({ number }) => number === own?.number);
  return isOfAnother || (holder && holder.root !== own?.root) ? undefined : own && { ...own, root };
}

/** `wanted`, or the first that nobody has; undefined when all are taken. */
export function proposeSlot(slots: Slot[], base: Base, wanted?: number): Slot | undefined {
  const number = wanted ?? SLOTS.find((candidate) => !slots.some((slot) => slot.number === candidate));
  return number === undefined ? undefined : slotOf(number, slots, base);
}

function slotOf(number: number, slots: Slot[], base: Base): Slot {
  const names = number === 0 ? [base.name] : clusterNames(number, base.name);
  const cluster = names.find((name) => !slots.some((slot) => slot.cluster === name)) ?? `${base.name}-${number}`;
  return { number, root: process.cwd(), cluster, registry: registryFor(slots, base.registry) };
}

/** By the folder, else by the branch, else by the slot. */
function clusterNames(number: number, name: string): string[] {
  const branch = spawnSync('git', ['branch', '--show-current'], { encoding: 'utf8' }).stdout ?? '';
  const prefix = new RegExp(`^${name}(?=-|$)`);
  const parts = [basename(process.cwd()), branch, String(number)].map((text) => {
    const words = text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
    return words.replace(prefix, '').slice(0, MAX_PART).replace(/^-|-$/g, '');
  });
  return parts.filter(Boolean).map((part) => `${name}-${part}`);
}

/** Another stand's has its port already. */
function registryFor(slots: Slot[], { name, port }: Registry): Registry {
  const registries = slots.map(({ registry }) => registry);
  const ports = SLOTS.map((number) => port + DISTANCE * number);
  return (
    registries.find((registry) => registry.name === name) ?? {
      name,
      port: ports.find((candidate) => !registries.some((registry) => registry.port === candidate)) ?? port,
    }
  );
}

/** Those of all clones. @throws with a sentence when they are not to be read */
export function readSlots(): Slot[] {
  const file = slotsFile();
  try {
    const slots = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
    if (Array.isArray(slots)) return slots;
  } catch {}
  throw new Error(`${file} is no list of slots: delete it, and each clone notes its own again by make dev`);
}
