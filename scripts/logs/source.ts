/** Where the lines of what runs are. */
import { checkPlace, type Release } from '../cluster/release.ts';
import { argument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { Fault } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';
import type { Running } from '../status/running.ts';
import { findRecords, Records } from './files.ts';
import type { Source } from './lines.ts';
import { Pods } from './pods.ts';

/**
 * Of these services; where none is named, of all. Host mode's lines stay when it has ended.
 * @throws {Fault} when there are none
 */
export async function sourceOf({ mode, runs, values, local }: Running, services: string[]): Promise<Source> {
  if (runs && mode === 'cluster') {
    const names = services.length > 0 ? services : Object.keys(values.services);
    const pods = await podsOf(ownRelease(), names);
    const onThisMachine = names.filter((name) => local.includes(name));
    return onThisMachine.length > 0 ? together([pods, new Records(onThisMachine)]) : pods;
  }
  if (argument('MODE') !== 'cluster' && findRecords().length > 0) return new Records(services);
  throw new Fault('Nothing of the stand runs, or has left lines behind', 'Start it: make dev');
}

const together = (sources: Source[]): Source => ({
  async read(heed, extent) {
    for (const source of sources) await source.read(heed, extent);
  },
  follow: (heed, extent) => Promise.race(sources.map((source) => source.follow(heed, extent))),
});

/** @throws {Fault} when the release's context, cluster or namespace is not there */
export async function podsOf(release: Release, services: string[]): Promise<Source> {
  needTools('kubectl');
  await checkPlace(release);
  return new Pods(release, services);
}

/** That of make dev. */
export function ownRelease(): Release {
  const { context, namespace, release: name } = readNames();
  return { context, namespace, name };
}
