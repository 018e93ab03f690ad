/** What a service says of itself at its address: whether it serves, and by the sources as they are on disk. */
import { existsSync } from 'node:fs';
import { hashSources } from '../../services/chassis/sources.cjs';
import { findUnreadiness } from '../host/readiness.ts';
import { askPort } from '../machine/http.ts';
import { parseObject } from '../machine/json.ts';

export interface Look {
  state: 'ready' | 'not ready' | 'starting' | 'does not start';
  /** Why it is not ready. */
  reason: string | null;
  /** All that was said of what ended it. */
  error: string | null;
  /** Whether it was started from the sources as they are now; null where it doesn't tell. */
  current: boolean | null;
}

/** In another language it is no chassis that answers, and nothing tells by which sources. */
export const tellsSources = (name: string): boolean => existsSync(`services/${name}/package.json`);

/** It says first by which sources it runs and then that it is ready; the sources are read last. */
export async function lookAt(name: string, port: number, signal?: AbortSignal): Promise<Look> {
  const live = await askPort(port, '/livez', signal).catch(() => undefined);
  if (!live) return { state: 'starting', reason: 'it does not answer', error: null, current: null };
  const { status, reason, error, sources } = parseObject(live.body);
  if (tellsSources(name) && !status)
    return { state: 'starting', reason: 'what answers in its place is another program', error: null, current: null };
  // What stands in for a service that does not run: services/chassis/nodemon.cjs.
  if (typeof error === 'string') {
    const state = String(reason).startsWith('does not start') ? 'does not start' : 'not ready';
    return { state, reason: String(reason), error, current: isCurrent(name, sources) };
  }
  const fault = await findUnreadiness(port, signal);
  return {
    state: fault ? (fault.answered ? 'not ready' : 'starting') : 'ready',
    reason: fault?.reason ?? null,
    error: null,
    current: isCurrent(name, sources),
  };
}

function isCurrent(name: string, sources: unknown): boolean | null {
  if (!tellsSources(name) || typeof sources !== 'string') return null;
  return sources === hashSources(`services/${name}`);
}
