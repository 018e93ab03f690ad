/** How every script speaks: one line per fact, ✗ for what is wrong with the remedy below it, questions before losses. */
import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';
import { flagArgument } from '../facts/arguments.ts';

/** Ends a script with a sentence that says what is wrong, and what to do below it. */
export class Fault extends Error {
  readonly remedy: string | undefined;
  /** The script's exit code. */
  readonly code: number;

  constructor(message: string, remedy?: string, code = 1) {
    super(message);
    this.remedy = remedy;
    this.code = code;
  }
}

/** Progress and results; not on stdout, which belongs to what a script was asked for. */
export const say = (text: string): void => console.error(text);

/** Without colour codes where no terminal shows them, or with NO_COLOR. */
export const bold = (text: string): string => styleText('bold', text, { stream: process.stderr });

/** Each row as a line, with its cells below those of the others. */
export function align(rows: string[][]): string[] {
  const widthOf = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widthOf(column)))
      .join('  ')
      .trimEnd(),
  );
}

/** Prints a fault as all scripts do. */
export function complain(error: unknown): void {
  say(`✗ ${error instanceof Error ? error.message : error}`);
  if (error instanceof Fault && error.remedy) say(`  ${error.remedy}`);
}

/** Runs a script; what it throws becomes a sentence and an exit code, 1 where a Fault has no other. */
export function run(main: () => unknown): void {
  Promise.resolve()
    .then(main)
    .catch((error) => {
      complain(error);
      process.exitCode = error instanceof Fault ? error.code : 1;
    });
}

/**
 * Asks before something is lost or replaced; YES=1 answers.
 * @throws {Fault} when there is nobody to ask
 */
export async function confirm(question: string): Promise<boolean> {
  if (flagArgument('YES')) return true;
  if (!process.stdin.isTTY) throw new Fault(question, 'There is nobody to ask here; YES=1 answers yes.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  return /^y/i.test(answer);
}
