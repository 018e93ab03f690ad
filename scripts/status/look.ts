/** What a service says of itself at its address: whether it serves, and by the sources as they are on disk. */
import { existsSync } from 'node:fs';
import { hashMigrations, hashSources } from '../../services/chassis/sources.cjs';
import type { Mode } from '../facts/mode.ts';
import { findUnreadiness } from '../host/readiness.ts';
import { findMigrated, type Migrated } from '../host/state.ts';
import { askPort, Silence } from '../machine/http.ts';
import { parseObject } from '../machine/json.ts';
import { describeFaults } from './faults.ts';

export interface Look {
  state: 'ready' | 'not ready' | 'starting' | 'does not start';
  /** Why it is not ready. */
  reason: string | null;
  /** All that was said of what ended it. */
  error: string | null;
  /** Whether it was started from the sources as they are now; null where it doesn't tell. */
  current: boolean | null;
  /** Whether only another save can help. */
  isFinal: boolean;
}

const UNKNOWN = { error: null, current: null, isFinal: false };

/** In another language it is no chassis that answers, and nothing tells by which sources. */
export const tellsSources = (name: string): boolean => existsSync(`services/${name}/package.json`);

/** It says first by which sources it runs and then that it is ready; the sources are read last. */
export async function lookAt(name: string, port: number, mode: Mode, signal?: AbortSignal): Promise<Look> {
  const live = await askPort(port, '/livez', signal).catch((error: Error) => error);
  if (live instanceof Silence)
    return { ...UNKNOWN, state: 'not ready', reason: 'it does not answer, though it listens' };
  if (live instanceof Error) return { ...UNKNOWN, state: 'starting', reason: 'it does not answer' };
  const { status, reason, error, sources, migrated, faults = {} } = parseObject(live.body);
  if (tellsSources(name) && !status)
    return { ...UNKNOWN, state: 'starting', reason: 'what answers in its place is another program' };
  const runsSources = isCurrent(name, sources);
  // What stands in for a service that does not run: services/chassis/nodemon.cjs.
  if (typeof error === 'string') {
    const isFinal = String(reason).startsWith('does not start');
    return {
      state: isFinal ? 'does not start' : 'not ready',
      reason: String(reason),
      error,
      current: runsSources,
      isFinal,
    };
  }
  const unmigrated = findUnmigrated(name, mode === 'host' ? findMigrated(name) : migrated);
  if (unmigrated) return { ...unmigrated, state: 'not ready', error: null, current: runsSources };
  const fault = await findUnreadiness(port, signal);
  const state = fault ? (fault.answered ? 'not ready' : 'starting') : 'ready';
  const remarks = [fault?.reason, describeFaults(faults)].filter(Boolean);
  return { state, reason: remarks.join('; ') || null, error: null, current: runsSources, isFinal: false };
}

/** Undefined where all is applied, or nobody tells. */
function findUnmigrated(name: string, migrated: Partial<Migrated> = {}): Pick<Look, 'reason' | 'isFinal'> | undefined {
  const { hash, failed = false } = migrated;
  if (hash === undefined) return undefined;
  if (hash !== hashMigrations(`services/${name}`)) return { reason: 'its migrations are not applied', isFinal: false };
  return failed ? { reason: 'its migrations failed', isFinal: true } : undefined;
}

function isCurrent(name: string, sources: unknown): boolean | null {
  if (!tellsSources(name) || typeof sources !== 'string') return null;
  return sources === hashSources(`services/${name}`);
}
