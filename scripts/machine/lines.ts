import type { Readable } from 'node:stream';

/**
 * Hands on each line of a stream, the last one also without its end. Only `\n` ends a line: node:readline takes `\r` and
 * U+2028 for ends, too, and what comes after them for a line that nobody has written.
 */
export function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(show(line));
  });
  stream.once('end', () => rest && take(show(rest)));
}

/** A `\r` would have a terminal show what follows in the line's place; one at the end is part of that. */
const show = (line: string): string => line.replace(/\r$/, '').replaceAll('\r', '\\r');
