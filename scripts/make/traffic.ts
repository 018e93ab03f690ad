/**
 * make traffic [SERVICE="web payments"]: asks the services that run for ten seconds, so that logs, metrics and traces show
 * something. Only by GET, for what a service's package.json names under `traffic`, or for `/`.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { listArgument } from '../facts/arguments.ts';
import { hostPort } from '../facts/ports.ts';
import { Fault, run, say } from '../machine/terminal.ts';
import { folder, isNode } from '../services/folders.ts';
import { chooseServices, findRunning } from '../status/running.ts';

const SECONDS = 10;
/** Between two requests. Few are enough to see something, and a breakpoint or a save is not buried under them. */
const PAUSE_MS = 100;
const LIMIT_MS = 5000;

run(async () => {
  const running = await findRunning();
  if (!running.runs) throw new Fault('Nothing of the stand runs', 'Start it: make dev');
  const addresses = chooseServices(running, listArgument('SERVICE')).flatMap((name) => {
    const { port = 0 } = running.values.services[name] ?? {};
    return pathsOf(name).map((path) => ({ name, url: `http://localhost:${hostPort(port)}${path}` }));
  });
  const end = performance.now() + SECONDS * 1000;
  const answers = new Map(addresses.map(({ url }) => [url, new Map<string, number>()]));
  say(`Asking for ${SECONDS} s: ${addresses.map(({ url }) => url).join(', ')}`);
  while (performance.now() < end)
    for (const { url } of addresses) {
      const answer = await ask(url);
      const counts = answers.get(url);
      counts?.set(answer, (counts.get(answer) ?? 0) + 1);
      await sleep(PAUSE_MS);
    }
  for (const [url, counts] of answers)
    say(`${url}: ${[...counts].map(([answer, count]) => `${count} × ${answer}`).join(', ')}`);
});

/** @throws {Fault} when package.json has something else than paths there */
function pathsOf(name: string): string[] {
  const file = `${folder(name)}/package.json`;
  const { traffic = ['/'] } = isNode(name) ? JSON.parse(readFileSync(file, 'utf8')) : {};
  const isPath = (path: unknown): boolean => typeof path === 'string' && path.startsWith('/');
  if (Array.isArray(traffic) && traffic.every(isPath)) return traffic;
  throw new Fault(`traffic in ${file} is no list of paths`, `Write it so: "traffic": ["/", "/products?limit=5"]`);
}

/** The status, or that there was none. */
async function ask(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(LIMIT_MS) });
    await answer.arrayBuffer();
    return String(answer.status);
  } catch {
    return 'no answer';
  }
}
