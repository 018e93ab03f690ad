/** Where `make dev` runs the services, and why: in the local cluster, or on this machine (host mode). */
import { type Engine, isEngine } from '../machine/engine.ts';

export type Mode = 'cluster' | 'host';

export interface Choice {
  mode: Mode;
  reason: string;
}

/** @throws with a sentence when MODE is neither cluster, host nor empty */
export function checkMode(requested: string): void {
  if (!['', 'cluster', 'host'].includes(requested)) throw new Error(`MODE is cluster or host, not ${requested}`);
}

/**
 * MODE decides, or else whether there is a Docker engine.
 * @throws with a sentence when MODE is neither cluster, host nor empty
 */
export function chooseMode(requested: string, engine: Engine): Choice {
  if (requested === 'cluster' || requested === 'host') return { mode: requested, reason: `MODE=${requested}` };
  checkMode(requested);
  return isEngine(engine)
    ? { mode: 'cluster', reason: 'a Docker engine answers' }
    : { mode: 'host', reason: engine.fault };
}
