/** When make init can't do its work: it works once, on a clone with nothing to lose, and with a name that all can have. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { readNames } from '../facts/names.ts';
import { refuseSecondRun } from '../host/state.ts';
import { ask } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';
import { readEntries, VALUES } from '../services/list.ts';
import { checkName } from '../services/names.ts';
import { HELLO } from './own.ts';
import { findCollisions } from './rename.ts';

const RESERVED: [names: RegExp, why: string][] = [
  [/^kube-/, 'Kubernetes keeps namespaces of that kind to itself'],
  [/^(postgres|none|template\d)$/, 'PostgreSQL has something of that name'],
  [/^(npmrc|gitmodules)$/, 'npm or git would read the folder .NAME as its settings'],
];

/** @throws {Fault} */
export async function checkClone(): Promise<void> {
  if (!existsSync(HELLO)) throw new Fault(`This clone is ${readNames().name} already`, 'make init works once.');
  await checkCommitted();
  refuseSecondRun();
}

/** What can't be undone by git would be lost with a name that does not please. */
async function checkCommitted(): Promise<void> {
  const { ok, stdout } = await ask('git', 'rev-parse', '--show-toplevel');
  if (!ok || realpathSync(stdout.trim()) !== realpathSync('.'))
    throw new Fault(
      'This is no git clone',
      'Make it one: git init && git add --all && git commit --message "As it came"',
    );
  const changes = (await ask('git', 'status', '--porcelain')).stdout.trimEnd();
  if (changes) throw new Fault(`There are uncommitted changes:\n${changes}`, 'Commit or stash them first.');
}

/** @throws {Fault} when the stand can't have this name */
export function checkStandName(name: string): void {
  checkName(name);
  const reason = RESERVED.find(([names]) => names.test(name))?.[1] ?? findTaken(name);
  if (reason) throw new Fault(`${name} can't be a name: ${reason}`);
}

function findTaken(name: string): string | undefined {
  const present = readNames().name;
  if (name === present) return 'it is the present one';
  if (readEntries(VALUES).has(name)) return 'it is a service';
  const [collision] = [...[`.${name}`].filter(existsSync), ...findCollisions(present, name)];
  if (collision) return `there is ${collision}`;
  const isPackage = new RegExp(`"node_modules/@?${name}[/"]`).test(readFileSync('package-lock.json', 'utf8'));
  return isPackage ? 'it is a package that is installed here' : undefined;
}
