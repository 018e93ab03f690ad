/**
 * make logs [REQUEST=id] [TRACE=id] [SERVICE="a b"] [LEVEL=warn] [SINCE=10m] [FOLLOW=1]: the services' lines in the order
 * in which they were said, as host mode has taken them down or the pods have them; with CONTEXT, NAMESPACE and RELEASE
 * those of any release. Exit code 1 when there is no such line, as of grep.
 */
import type { Release } from '../cluster/release.ts';
import { argument, flagArgument, listArgument } from '../facts/arguments.ts';
import { loadDefaults } from '../facts/values.ts';
import { onReaderGone } from '../host/output.ts';
import { type Extent, LEVELS, type Level, type Line, Sieve, type Source, type Wanted } from '../logs/lines.ts';
import { Gatherer, print } from '../logs/printer.ts';
import { ownRelease, podsOf, sourceOf } from '../logs/source.ts';
import { Fault, run } from '../machine/terminal.ts';
import { chooseServices, findRunning } from '../status/running.ts';

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

run(async () => {
  onReaderGone(() => process.exit());
  const extent = readSince(argument('SINCE'));
  const sieve = new Sieve(readWanted(extent));
  const follows = flagArgument('FOLLOW');
  const source = await findSource(listArgument('SERVICE'));
  if (follows) {
    const gatherer = new Gatherer();
    await source.follow((taken) => gatherer.add(sieve.pass(taken)), extent);
  }
  const lines: Line[] = [];
  await source.read((taken) => lines.push(...sieve.pass(taken)), extent);
  if (lines.length === 0) throw new Fault('There is no such line');
  print(lines);
});

function readSince(text: string): Extent {
  if (!text) return {};
  const [, number, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (number === undefined) throw new Fault(`SINCE is a time such as 30s, 10m, 2h or 1d, not ${text}`);
  return { seconds: Number(number) * (SECONDS[unit] ?? 0) };
}

function readWanted({ seconds }: Extent): Wanted {
  const [request, trace, level] = [argument('REQUEST'), argument('TRACE'), argument('LEVEL')];
  if (level && !LEVELS.includes(level as Level)) throw new Fault(`LEVEL is one of ${LEVELS.join(', ')}, not ${level}`);
  return {
    ...(request && { request }),
    ...(trace && { trace }),
    ...(level && { level: level as Level }),
    ...(seconds !== undefined && { since: Date.now() - seconds * 1000 }),
  };
}

/** @throws {Fault} when there is none, or a service is unknown */
async function findSource(named: string[]): Promise<Source> {
  const values = loadDefaults();
  chooseServices({ values }, named);
  const release = readRelease();
  if (release) return podsOf(release, named.length > 0 ? named : Object.keys(values.services));
  return sourceOf(await findRunning(), named);
}

/** Another one than that of make dev. @throws {Fault} when it is named without its place */
function readRelease(): Release | undefined {
  const [context, namespace, name] = [argument('CONTEXT'), argument('NAMESPACE'), argument('RELEASE')];
  if (context) return { context, namespace: namespace || ownRelease().namespace, name: name || ownRelease().name };
  if (!namespace && !name) return undefined;
  throw new Fault('CONTEXT is missing', 'Name the kube context of that release. The selected one is never assumed.');
}
