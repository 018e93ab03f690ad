/** What answers on localhost, and when. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Polling faster slows down on two cores what it measures. */
const POLL_MS = 25;

/** The body of a 2xx answer, or undefined. */
export async function read(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    const body = await answer.text();
    return answer.ok ? body : undefined;
  } catch {
    return undefined;
  }
}

/** @throws with a sentence when it is not so within `timeout` milliseconds */
export async function until(what: string, condition: () => Promise<boolean>, timeout = 60_000): Promise<void> {
  for (const end = performance.now() + timeout; !(await condition()); await sleep(POLL_MS)) {
    if (performance.now() > end) throw new Error(`It did not happen within ${timeout / 1000} s: ${what}`);
  }
}
