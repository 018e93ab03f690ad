/**
 * make bench-load [MINUTES=5]: what the chassis costs under load. Runs the image that is released of a service as
 * `make new-service DATABASE=1` makes it, and beside it a bare Express app on pg that does the same query: both with one
 * CPU and the same PostgreSQL, loaded in turn. Prints
 *   - of each the requests per second at which 99 of 100 are answered within 100 ms, the CPU that one takes, the ratio;
 *   - the service's memory, with MINUTES after each minute of that load.
 * The chassis writes a line per request to Docker's log, as in production, and that is in its figures; the bare app none.
 * Takes about three minutes, and leaves nothing behind.
 */
import { argument } from '../facts/arguments.ts';
import { findEngine, isEngine } from '../machine/engine.ts';
import { Fault, run, say } from '../machine/terminal.ts';
import { APPS, type App, type Contest, holdContest, type Load } from '../measure/contest.ts';
import { median } from '../measure/median.ts';

const P99_MS = 100;
/** Those that are tried. */
const CONNECTIONS = [4, 8, 16, 32];
/** Until then a process compiles what it runs. */
const WARM_UP_S = 5;
const SEARCH_S = 3;
const ROUNDS = 8;
const ROUND_S = 4;
/** Of a CPU. With less of it used, it was something else that kept the rate down. */
const FULL = 0.9;
/** What the chassis may cost. */
const WANTED = 0.85;
const TOO_BUSY = 'This machine is too busy for a measurement.';

type Of<T> = Record<App, T>;

run(async () => {
  const minutes = minutesArgument();
  const engine = await findEngine();
  if (!isEngine(engine)) throw new Fault(engine.fault, 'The apps run in containers: start Docker, then try again.');
  say('== building the image, starting the containers');
  await holdContest(async (contest) => {
    const start = await ofEach((app) => contest.memory(app));
    const connections = await findConnections(contest);
    const rounds = await compare(contest, connections);
    report(connections, rounds, start, await ofEach((app) => contest.memory(app)));
    await watchMemory(contest, connections.chassis, minutes);
  });
});

function minutesArgument(): number {
  const minutes = argument('MINUTES');
  if (!/^\d{0,3}$/.test(minutes)) throw new Fault(`MINUTES is a number below 1000, not ${minutes}`, 'As in MINUTES=5');
  return Number(minutes);
}

/** Where each serves most, within the time. @throws {Fault} */
async function findConnections(contest: Contest): Promise<Of<number>> {
  say('== warming up, then finding the connections over which each serves most');
  await ofEach((app) => contest.load(app, CONNECTIONS[0] ?? 1, WARM_UP_S));
  const best: Of<{ connections: number; rate: number }> = {
    chassis: { connections: 0, rate: 0 },
    bare: { connections: 0, rate: 0 },
  };
  for (const connections of CONNECTIONS) {
    for (const app of APPS) {
      const load = await contest.load(app, connections, SEARCH_S);
      say(`${app.padEnd(8)}${String(connections).padStart(3)} connections: ${describe(load)}`);
      if (load.p99 < P99_MS && load.rate > best[app].rate) best[app] = { connections, rate: load.rate };
    }
  }
  const late = APPS.find((app) => best[app].connections === 0);
  if (late) throw new Fault(`${late} does not answer within ${P99_MS} ms`, TOO_BUSY);
  return { chassis: best.chassis.connections, bare: best.bare.connections };
}

/** The rounds that count. @throws {Fault} when there are none */
async function compare(contest: Contest, connections: Of<number>): Promise<Of<Load>[]> {
  const rounds: Of<Load>[] = [];
  for (let round = 1; round <= ROUNDS; round++) {
    const loads = await ofEach((app) => contest.load(app, connections[app], ROUND_S));
    const late = APPS.some((app) => loads[app].p99 >= P99_MS);
    say(`== round ${round} of ${ROUNDS}${late ? `, which does not count: p99 is ${P99_MS} ms or more` : ''}`);
    for (const app of APPS) say(`${app.padEnd(8)}${describe(loads[app])}`);
    if (!late) rounds.push(loads);
  }
  if (rounds.length > 0) return rounds;
  throw new Fault(`No round has a p99 below ${P99_MS} ms`, TOO_BUSY);
}

function report(connections: Of<number>, rounds: Of<Load>[], start: Of<number>, end: Of<number>): void {
  const middle = (app: App, value: (load: Load) => number) => median(rounds.map((round) => value(round[app])));
  const row = (name: string, cell: (app: App) => string) =>
    console.log(name.padEnd(20) + APPS.map((app) => cell(app).padStart(16)).join(''));
  row('', (app) => app);
  row('requests/s', (app) => middle(app, ({ rate }) => rate).toFixed(0));
  row('p99', (app) => `${middle(app, ({ p99 }) => p99).toFixed(0)} ms`);
  row('connections', (app) => String(connections[app]));
  row('CPU per request', (app) => `${middle(app, ({ cpu }) => cpu).toFixed(2)} ms`);
  row('CPU used', (app) => `${(100 * middle(app, usedCpu)).toFixed(0)} %`);
  row('memory, then after', (app) => `${start[app].toFixed(0)}, ${end[app].toFixed(0)} MiB`);

  const ratios = rounds.map(({ chassis, bare }) => chassis.rate / bare.rate);
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(2));
  console.log(
    `requests/s, chassis : bare = ${median(ratios).toFixed(2)} (${least} to ${most} in ${ratios.length} rounds)`,
  );
  const byCpu = median(rounds.map(({ chassis, bare }) => bare.cpu / chassis.cpu));
  console.log(`by CPU per request = ${byCpu.toFixed(2)}; wanted is ${WANTED} or more`);
  if (APPS.some((app) => middle(app, usedCpu) < FULL))
    console.log('Not all of the CPU was used, so the rate tells of this machine too: go by the CPU.');
}

async function watchMemory(contest: Contest, connections: number, minutes: number): Promise<void> {
  for (let minute = 1; minute <= minutes; minute++) {
    const load = await contest.load('chassis', connections, 60);
    console.log(`memory after ${minute} min: ${(await contest.memory('chassis')).toFixed(0)} MiB (${describe(load)})`);
  }
}

const usedCpu = ({ rate, cpu }: Load): number => (rate * cpu) / 1000;

const describe = ({ rate, p99, cpu }: Load): string =>
  `${rate.toFixed(0).padStart(5)} requests/s, p99 ${p99} ms, ${cpu.toFixed(2)} ms of CPU each`;

/** One after the other. */
async function ofEach<T>(value: (app: App) => Promise<T>): Promise<Of<T>> {
  return { chassis: await value('chassis'), bare: await value('bare') };
}
