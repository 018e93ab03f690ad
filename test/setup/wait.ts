import { setTimeout as sleep } from 'node:timers/promises';

const WAIT_MS = 180_000;

/** Waits until `condition` gives something truthy, and returns it. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T> | T,
  ms = WAIT_MS,
): Promise<NonNullable<T>> {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(100)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`it did not happen within ${ms / 1000} s: ${what}`);
}
