/** Host mode's one stream of lines: each service's with its name before it, and between them what host mode says. */
import type { Readable } from 'node:stream';
import { styleText } from 'node:util';
import { eachLine } from '../machine/lines.ts';
import { record } from './record.ts';

/** The label of host mode's own lines, where they are among others; no service is called so. */
export const HOST_MODE = 'host mode';

const COLOURS = ['cyan', 'magenta', 'yellow', 'green', 'blue', 'red'] as const;
const WIDTH = 10;

/** What host mode itself has to say; of several lines, those below the first are indented in its record, as its own. */
export function announce(text: string): void {
  const style = (format: 'bold' | 'red', words: string): string => styleText(format, words, { stream: process.stdout });
  console.log(style('bold', text.startsWith('✗') ? style('red', text) : text));
  const [first = '', ...below] = text.split('\n').filter(Boolean);
  for (const line of [first, ...below.map((it) => it.replace(/^(?! )/, '  '))]) record(HOST_MODE, line);
}

let hasLabels = true;

/** For one service alone, whose name is shown elsewhere. */
export function withoutLabels(): void {
  hasLabels = false;
}

/** Each label in the next colour; where no terminal shows it, in none. */
const labels = new Map<string, string>();

export function labelOf(name: string): string {
  const colour = COLOURS[labels.size % COLOURS.length] ?? 'cyan';
  const label = labels.get(name) ?? styleText(colour, name.padEnd(WIDTH), { stream: process.stdout });
  labels.set(name, label);
  return label;
}

/** Prints what comes, line by line; `keep` gets each line too. */
export function printLines(name: string, streams: (Readable | null)[], keep: (line: string) => void = () => {}): void {
  for (const input of streams) {
    if (!input) continue;
    eachLine(input, (line) => {
      console.log(hasLabels ? `${labelOf(name)} ${line}` : line);
      record(name, line);
      keep(line);
    });
  }
}

/** Calls back once nobody reads any more: a closed terminal, or the end of `make dev | head`. */
export function onReaderGone(react: () => void): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', react);
}
