/** Takes and frees this clone's slot (scripts/facts/slot.ts), one clone at a time. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeOf, readBase } from '../facts/names.ts';
import { findOwn, OWN_SLOT, proposeSlot, readSlots, SLOTS, type Slot, slotsFile } from '../facts/slot.ts';
import { refuseSecondRun } from '../host/state.ts';
import { lacksContainer } from '../machine/engine.ts';
import { takeLock } from '../machine/lock.cjs';
import { Fault, say } from '../machine/terminal.ts';

const POLL_MS = 20;
const PATIENCE_MS = 2000;

/** `asked`, or the one that this clone has, or the first that is free; remembered until freeSlot. @throws {Fault} */
export async function takeSlot(asked = ''): Promise<void> {
  const wanted = readNumber(asked);
  await changeSlots(async (slots) => {
    const own = findOwn(slots);
    if (own && own.number !== (wanted ?? own.number)) await refuseWhileUsed(own);
    const others = await stillTaken(slots.filter(({ number }) => number !== own?.number));
    const slot = own && own.number === (wanted ?? own.number) ? own : choose(others, wanted);
    return [...others, slot];
  });
}

/** For the next clone that asks. */
export async function freeSlot(): Promise<void> {
  await changeSlots(async (slots) => slots.filter(({ number }) => number !== findOwn(slots)?.number));
}

/** @throws {Fault} when SLOT is none */
function readNumber(text: string): number | undefined {
  if (text === '') return undefined;
  const number = SLOTS.find((candidate) => String(candidate) === text);
  if (number === undefined) throw new Fault(`SLOT is a number from 0 to ${SLOTS.at(-1)}, not ${text}`);
  return number;
}

/** @throws {Fault} when something that has its ports runs, or would be left behind */
async function refuseWhileUsed({ number, cluster }: Slot): Promise<void> {
  refuseSecondRun();
  if (!(await lacksContainer(nodeOf(cluster))))
    throw new Fault(`This clone has slot ${number}, and its cluster the ports of it`, 'make clean first frees it.');
}

/** Without those of clones that are gone, and their clusters with them. */
async function stillTaken(slots: Slot[]): Promise<Slot[]> {
  const are = await Promise.all(
    slots.map(async ({ root, cluster }) => existsSync(root) || !(await lacksContainer(nodeOf(cluster)))),
  );
  return slots.filter((_, index) => are[index]);
}

/** @throws {Fault} when it is another clone's, or all are */
function choose(others: Slot[], wanted: number | undefined): Slot {
  const holders = others.filter(({ number }) => wanted === undefined || number === wanted);
  const slot = wanted !== undefined && holders.length > 0 ? undefined : proposeSlot(others, readBase(), wanted);
  if (slot) return slot;
  const lines = holders.map(({ number, root, cluster }) =>
    existsSync(root)
      ? `  Slot ${number} is that of ${root}, where make clean frees it`
      : `  Slot ${number} was that of ${root}, which is gone: kind delete cluster --name ${cluster} frees it`,
  );
  const free = SLOTS.filter((number) => !others.some((other) => other.number === number));
  const remedy = free.length > 0 ? `Free are: ${free.join(', ')}` : undefined;
  throw new Fault(['There is no slot for this clone:', ...lines].join('\n'), remedy);
}

/** Where nothing can be noted, this clone has what it would have alone. */
async function changeSlots(change: (slots: Slot[]) => Promise<Slot[]>): Promise<void> {
  const file = slotsFile();
  const isNoted = await alone('slots', async () => {
    const slots = await change(readSlots());
    writeFileSync(`${file}.new`, `${JSON.stringify(slots, undefined, 2)}\n`);
    renameSync(`${file}.new`, file);
  });
  if (isNoted) noteOwn();
}

/** Does what no other clone's make may do meanwhile. @returns whether it could be made sure of; else nothing is done */
export async function alone(what: string, work: () => Promise<unknown>): Promise<boolean> {
  const lock = join(dirname(slotsFile()), `${what}.lock`);
  try {
    for (let waited = 0; !takeLock(lock); waited += POLL_MS) {
      if (waited === PATIENCE_MS) say(`… waiting for another make, which has ${lock}`);
      await sleep(POLL_MS);
    }
  } catch (error) {
    say(`! Slots are not remembered: ${(error as Error).message}`);
    return false;
  }
  try {
    await work();
    return true;
  } finally {
    rmSync(lock, { force: true });
  }
}

function noteOwn(): void {
  const own = readSlots().find(({ root }) => root === process.cwd());
  rmSync(OWN_SLOT, { force: true });
  if (!own) return;
  mkdirSync(dirname(OWN_SLOT), { recursive: true });
  writeFileSync(OWN_SLOT, JSON.stringify(own));
}
