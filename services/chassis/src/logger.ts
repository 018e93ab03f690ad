import { type Logger, pino } from 'pino';
import { isTraced, traceOfLine } from './trace.ts';

export type { Logger };

type Fields = Record<string, unknown>;

/** What is said of a request that went well: the one line of which there are many. */
export const COMPLETED = 'request completed';
/** How long such a line waits for others, in ms, and how many characters wait at most. */
const GATHER_MS = 10;
const GATHER_LENGTH = 8192;

/**
 * Writes lines in their order; in JSON those of requests together, as a write for each costs as much CPU as all else of
 * the chassis. What waits is lost when the process is gone at once: by SIGKILL, or an abort in native code.
 */
class Output {
  /** Has pino set `lastMsg` before each write: https://github.com/pinojs/pino/blob/main/docs/api.md#metadata */
  readonly [pino.symbols.needsMetadataGsym] = true;
  lastMsg = '';
  readonly #stdout = pino.destination({ sync: true });
  readonly #toText = loadText();
  #waiting = '';
  #timer: NodeJS.Timeout | undefined;

  write(line: string): void {
    this.#waiting += this.#toText?.(line) ?? line;
    const mayWait = this.lastMsg === COMPLETED && !this.#toText && this.#waiting.length <= GATHER_LENGTH;
    if (!mayWait) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting) this.#stdout.write(this.#waiting);
    this.#waiting = '';
  }
}

/** What makes text for people of a line, where `LOG_FORMAT` asks for it; it is loaded only then. */
function loadText(): ((line: string) => string) | undefined {
  if (process.env.LOG_FORMAT !== 'text') return undefined;
  const { showsColours, toText } = require('./text.ts') as typeof import('./text.ts');
  const look = { colours: showsColours(), folder: process.cwd() };
  return (line) => `${toText(line, look)}\n`;
}

const output = new Output();
process.on('exit', () => output.flush());

/** What an event says of itself. */
const OWN = new Set(['level', 'time', 'service', 'msg']);

/** Most lines have neither a field of such a name nor an error, and this runs for each. */
function readFields(given: Fields): Fields {
  for (const key in given) if (OWN.has(key) || given[key] instanceof Error) return convert(given);
  return given;
}

function convert(given: Fields): Fields {
  const entries = Object.entries(given);
  return Object.fromEntries(entries.map(([key, value]) => [OWN.has(key) ? `fields.${key}` : key, toPlain(value)]));
}

/** An error as pino has it, but with its cause, whatever that is, and any errors among its fields as such, too. */
function toPlain(value: unknown, above: unknown[] = []): unknown {
  if (!(value instanceof Error)) return value;
  if (above.includes(value)) return '[Circular]';
  const { message, stack, cause, errors: aggregateErrors, ...fields } = value as Error & Fields;
  const inside = (part: unknown): unknown => toPlain(part, [...above, value]);
  const entries = Object.entries({ ...fields, cause, aggregateErrors });
  const parts = entries.map(([key, part]) => [key, Array.isArray(part) ? part.map(inside) : inside(part)]);
  return { ...Object.fromEntries(parts), type: typeOf(value), message, stack };
}

/** A DOMException's name says what it is, such as TimeoutError. */
function typeOf(error: Error): string {
  return error instanceof DOMException ? error.name : (error.constructor?.name ?? error.name);
}

/**
 * JSON lines on stdout, one object per event, with the service's name; or text. An unknown level or format is
 * loadConfig's to report. What a service says itself is written at once, and nothing is lost when the process exits.
 * Errors are shown as such under any key. A field called as what an event says of itself, as in a client's body, is
 * `fields.level` and so on, as in https://github.com/sirupsen/logrus/blob/master/formatter.go
 */
export function createLogger(service: string, level = process.env.LOG_LEVEL ?? ''): Logger {
  const options = {
    level: Object.hasOwn(pino.levels.values, level) || level === 'silent' ? level : 'info',
    base: { service },
    formatters: { level: (label: string) => ({ level: label }), log: readFields },
    serializers: { err: (error: unknown) => toPlain(error) },
    timestamp: pino.stdTimeFunctions.isoTime,
    ...(isTraced && { mixin: traceOfLine }),
  };
  return pino(options, output);
}
