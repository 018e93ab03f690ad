/** The faults that make fault has set, as the processes tell that they break (services/chassis/fault-injection.cjs). */
import { hostPort } from '../facts/ports.ts';
import { askPort } from '../machine/http.ts';
import { parseObject } from '../machine/json.ts';
import type { Running } from './running.ts';

/** By callee: the setting, as on make's command line, such as DELAY=2s. */
export type Faults = Record<string, string>;

export interface SetFault {
  from: string;
  to: string;
  setting: string;
}

/** Undefined where nobody can set any: as released, or in another language. @throws while nothing answers */
export async function faultsOf(port: number): Promise<Faults | undefined> {
  return parseObject((await askPort(port, '/livez')).body).faults;
}

/** Of all services that run; `silent` are those that do not answer. */
export async function listFaults({ values }: Running): Promise<{ faults: SetFault[]; silent: string[] }> {
  const silent: string[] = [];
  const enabled = Object.entries(values.services).filter(([, service]) => service.enabled);
  const told = await Promise.all(
    enabled.map(async ([from, { port }]) => {
      const faults = await faultsOf(hostPort(port)).catch(() => void silent.push(from));
      return Object.entries(faults ?? {}).map(([to, setting]) => ({ from, to, setting }));
    }),
  );
  return { faults: told.flat(), silent };
}

/** A few words; empty for none. */
export const describeFaults = (faults: Faults): string =>
  Object.entries(faults)
    .map(([to, setting]) => `by make fault TO=${to} ${setting}`)
    .join('; ');
