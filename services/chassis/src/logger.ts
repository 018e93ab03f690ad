import { type Logger, pino } from 'pino';
import { isTraced, traceOfLine } from './trace.ts';

export type { Logger };

/** What is said of a request that went well: the one line of which there are many. */
export const COMPLETED = 'request completed';
/** How long such a line waits for others, in ms, and how many characters wait at most. */
const GATHER_MS = 10;
const GATHER_LENGTH = 8192;

/** Writes lines in their order, those of requests together: a write for each costs as much CPU as all else of the chassis. */
class Output {
  /** Has pino set `lastMsg` before each write: https://github.com/pinojs/pino/blob/main/docs/api.md#metadata */
  readonly [pino.symbols.needsMetadataGsym] = true;
  lastMsg = '';
  readonly #stdout = pino.destination({ sync: true });
  readonly #format = chooseFormat();
  #waiting = '';
  #timer: NodeJS.Timeout | undefined;

  write(line: string): void {
    this.#waiting += this.#format(line);
    if (this.lastMsg !== COMPLETED || this.#waiting.length > GATHER_LENGTH) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), GATHER_MS);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting) this.#stdout.write(this.#waiting);
    this.#waiting = '';
  }
}

/** Text for people by `LOG_FORMAT`, JSON by default. What makes text of it is loaded only then. */
function chooseFormat(): (line: string) => string {
  if (process.env.LOG_FORMAT !== 'text') return (line) => line;
  const { showsColours, toText } = require('./text.ts') as typeof import('./text.ts');
  const look = { colours: showsColours(), folder: process.cwd() };
  return (line) => `${toText(line, look)}\n`;
}

const output = new Output();
process.on('exit', () => output.flush());

/**
 * JSON lines on stdout, one object per event, with the service's name; or text. An unknown level or format is
 * loadConfig's to report. What a service says itself is written at once, and nothing is lost when the process exits.
 */
export function createLogger(service: string, level = process.env.LOG_LEVEL ?? ''): Logger {
  const options = {
    level: Object.hasOwn(pino.levels.values, level) || level === 'silent' ? level : 'info',
    base: { service },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
    ...(isTraced && { mixin: traceOfLine }),
  };
  return pino(options, output);
}
