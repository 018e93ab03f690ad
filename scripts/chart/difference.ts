/** What the working tree changes in an environment against a git revision, in words. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHART, checkEnvironment, environments, valuesFile } from '../facts/values.ts';
import { ask, capture } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';
import { describeChanges } from './changes.ts';
import { renderChart } from './render.ts';

/** The chart of a commit, in a folder of its own until its end. */
export class Base {
  readonly commit: string;
  /** As it was asked for. */
  readonly #revision: string;
  readonly #root: string;
  readonly #rendered = new Map<string, Promise<string | undefined>>();

  /** @throws {Fault} when this folder is no clone, or has no such revision */
  static async at(revision: string): Promise<Base> {
    const base = new Base(revision, await findCommit(revision));
    await base.#extract();
    return base;
  }

  private constructor(revision: string, commit: string) {
    this.#revision = revision;
    this.commit = commit;
    this.#root = mkdtempSync(join(tmpdir(), 'diff-'));
    process.once('exit', this.end);
  }

  readonly end = (): void => {
    process.off('exit', this.end);
    rmSync(this.#root, { recursive: true, force: true });
  };

  /**
   * A report for the environment, or for each but local; one that can't be told rejects.
   * @throws {Fault} when neither side has that environment
   */
  compare(environment = ''): Promise<string>[] {
    return this.#chosen(environment).map((name) => this.#report(name));
  }

  /** Puts the commit's chart there; nothing where it has none. */
  async #extract(): Promise<void> {
    const { stdout } = await ask('git', 'ls-tree', '--name-only', this.commit, `${CHART}/`);
    if (!stdout) return;
    const archive = join(this.#root, 'chart.tar');
    await capture('git', ['archive', '--format=tar', `--output=${archive}`, this.commit, CHART]);
    await capture('tar', ['-xf', archive, '-C', this.#root]);
  }

  /** With those that only the base has. */
  #chosen(environment: string): string[] {
    const chart = join(this.#root, CHART);
    const own = existsSync(chart) ? environments(chart) : [];
    if (!environment) return [...new Set([...environments(), ...own])].filter((name) => name !== 'local').sort();
    if (!own.includes(environment)) checkEnvironment(environment);
    return [environment];
  }

  async #report(environment: string): Promise<string> {
    const [old, young] = await Promise.all([this.#render(environment), render(environment, 'The working tree', '.')]);
    if (old === undefined) return `${environment} is not in ${this.#revision}: everything is new`;
    if (young === undefined) return `${environment} is gone: the working tree has no values for it`;
    const changes = describeChanges(old, young);
    if (changes.length === 0) return `no difference for ${environment}`;
    return [`${environment}:`, ...changes.map((change) => `  ${change}`)].join('\n');
  }

  /** A commit does not change. */
  #render(environment: string): Promise<string | undefined> {
    const rendered = this.#rendered.get(environment) ?? render(environment, this.#revision, this.#root);
    this.#rendered.set(environment, rendered);
    // What failed may succeed the next time.
    rendered.catch(() => this.#rendered.delete(environment));
    return rendered;
  }
}

/** @throws {Fault} when this folder is no clone, or has no such revision */
export async function findCommit(revision: string): Promise<string> {
  const { ok, stdout } = await ask('git', 'rev-parse', '--show-prefix');
  if (!ok || stdout.trim())
    throw new Fault('This folder is not a git repository', 'make diff and make api-diff compare with a commit.');
  const found = await ask('git', 'rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`);
  if (!found.ok) throw new Fault(`git knows no revision ${revision}`, 'BASE is a branch, a tag or a commit.');
  return found.stdout.trim();
}

/** Undefined where that side has no such environment. @throws {Fault} with helm's words */
async function render(environment: string, side: string, root: string): Promise<string | undefined> {
  const values = join(root, valuesFile(environment));
  if (!existsSync(values)) return undefined;
  return renderChart(join(root, CHART), [values], '--no-hooks').catch((error: Error) => {
    // The first line is the command.
    const [, ...words] = error.message.split('\n');
    throw new Fault(`${side} does not render for ${environment}: ${words.join('\n  ')}`);
  });
}

/** Prints what can be told. @throws what can't */
export async function tell(reports: Promise<string>[]): Promise<void> {
  const settled = await Promise.allSettled(reports);
  for (const each of settled) if (each.status === 'fulfilled') console.log(each.value);
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}
