/** Prints lines in order, each with its service's label, as host mode does. */
import { resolve } from 'node:path';
import { stripVTControlCharacters, styleText } from 'node:util';
import { toText } from '../../services/chassis/src/text.ts';
import { labelOf } from '../host/output.ts';
import { inOrder, type Line } from './lines.ts';

/** How long a line waits for others that were said before it. */
const GATHER_MS = 200;

const colours = styleText('bold', '', { stream: process.stdout }) !== '';

export function print(lines: Line[]): void {
  const texts = inOrder(lines).flatMap(({ service, text }) =>
    textOf(service, text, colours)
      .split('\n')
      .map((line) => `${labelOf(service)} ${line}\n`),
  );
  process.stdout.write(texts.join(''));
}

/** For people; without colours also without those that the line was taken down with. */
export function textOf(service: string, text: string, colours: boolean): string {
  const plain = stripVTControlCharacters(text);
  if (plain.startsWith('{')) return toText(plain, { colours, folder: resolve('services', service) });
  return colours ? text : plain;
}

/** Prints lines that come one by one, those together that come at about the same time. */
export class Gatherer {
  #lines: Line[] = [];

  add(lines: Line[]): void {
    if (this.#lines.length === 0 && lines.length > 0) setTimeout(() => this.#flush(), GATHER_MS);
    this.#lines.push(...lines);
  }

  #flush(): void {
    print(this.#lines);
    this.#lines = [];
  }
}
