/**
 * The tests of single services: those in its folder `test`. What takes longer than one waits for after a save is in
 * `test/slow`, which only `make test` without SERVICE runs.
 */
import { existsSync, readdirSync } from 'node:fs';
import { DEFAULTS, loadDefaults } from '../facts/values.ts';
import { Fault } from '../machine/terminal.ts';
import { folder, isNode } from './folders.ts';

/** No service, but tested as they are. */
const LIBRARY = 'chassis';
/** Their paths; none for a service in another language, whose tests are its own affair. */
export function listTests(service: string): string[] {
  const place = `${folder(service)}/test`;
  if (!isNode(service) || !existsSync(place)) return [];
  const files = readdirSync(place, { recursive: true, encoding: 'utf8' }).map((file) => `${place}/${file}`);
  return files.filter((file) => file.endsWith('.test.ts') && !file.startsWith(`${place}/slow/`)).sort();
}

/** @throws {Fault} when there is no such service, or nothing to run in it */
export function checkTests(services: string[]): void {
  const names = Object.keys(loadDefaults().services).sort();
  for (const service of services) {
    if (![...names, LIBRARY].includes(service))
      throw new Fault(`There is no service ${service}. There are: ${names.join(', ')}, and ${LIBRARY} (${DEFAULTS}).`);
    if (!isNode(service))
      throw new Fault(`${service} is in another language`, `Its own tools run its tests, in ${folder(service)}.`);
    if (listTests(service).length === 0)
      throw new Fault(
        `${service} has no tests`,
        `They are ${folder(service)}/test/*.test.ts; those in test/slow are make test's alone.`,
      );
  }
}

/** What these services and their tests are made of, as far as it is theirs; they fail by what the chassis does, too. */
export const testedSources = (services: string[]): string[] => [...services.map(folder), `${folder(LIBRARY)}/src`];

/**
 * Runs them with mocha in this process, which ends with mocha's exit code. One process for all files: side by side, each
 * would load TypeScript and start PostgreSQL for itself, which takes longer than to wait for one another. What a test
 * leaves open keeps it from ending no more than where files run side by side.
 */
export function runTests(services: string[]): void {
  const { main } = require('mocha/lib/cli/cli.js');
  main(['--no-parallel', '--exit', ...services.flatMap(listTests)]);
}
