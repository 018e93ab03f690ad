/** Lines for people, made of those that pino writes as JSON; scripts show a pod's log by it, too. */
import { dirname } from 'node:path';
import { isatty, WriteStream } from 'node:tty';
import { inspect, stripVTControlCharacters } from 'node:util';

interface Look {
  colours: boolean;
  /** Where paths are shown from, if they lead into it or beside it. */
  folder: string;
}

type Fields = Record<string, unknown>;

const LEVELS = new Map(
  Object.entries({ trace: 'gray', debug: 'blue', info: 'green', warn: 'yellow', error: 'red', fatal: 'bgRed' }),
);
const INDENT = '    ';
const UUID = /^([\da-f]{8})(-[\da-f]{4}){3}-[\da-f]{12}$/i;
/** What ends a line, drives a terminal, or shows text in another order than it has. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const NEEDS_QUOTES = /^$|[\s"=\p{Cc}\p{Bidi_Control}]/u;

/** As util.styleText has it, which would open process.stdout: a pipe opened so no longer waits for its reader. */
export function showsColours(): boolean {
  return (isatty(1) || process.env.FORCE_COLOR !== undefined) && WriteStream.prototype.hasColors();
}

/**
 * An event's line, without its end, and indented below it what an error has to say. Whatever the event holds, no part of
 * it looks like another line or reaches a terminal as a code. What is no event of pino's stays as it is.
 */
export function toText(json: string, { colours, folder }: Look): string {
  const event = parseEvent(json);
  if (!event) return json;
  const text = render(event, folder);
  return colours ? text : stripVTControlCharacters(text);
}

function parseEvent(json: string): Fields | undefined {
  try {
    const event = JSON.parse(json);
    return isMap(event) && 'level' in event ? event : undefined;
  } catch {
    return undefined;
  }
}

function render(event: Fields, folder: string): string {
  const { time, level, msg, service, requestId, span_id, responseTime, req, res, err, ...others } = event;
  const { method, url, ...restOfRequest } = toMap(req);
  const { statusCode, ...restOfAnswer } = toMap(res);
  const error = toMap(err);
  const said = plain(msg);
  const fields = { ...others, req: unlessEmpty(restOfRequest), res: unlessEmpty(restOfAnswer) };
  const [message = '', ...belowMessage] = linesOf(said);
  const [title = '', ...belowTitle] = linesOf(unsaidOf(error, said));
  const line = join('  ', [
    join(' ', [paint('dim', clock(time)), showLevel(plain(level)), message]),
    join(' ', [show(method), visible(plain(url)), showStatus(statusCode), show(responseTime, ' ms')]),
    paint('dim', show(requestId).replace(UUID, '$1')),
    paint('red', title),
    showFields(fields, said),
  ]);
  const details = [...detailsOf(error, said, folder), ...errorsIn(fields, said, folder)];
  return [line, ...belowMessage, ...belowTitle, ...details].join(`\n${INDENT}`);
}

/** Local time; nothing where it is none. */
function clock(time: unknown): string {
  const date = new Date(typeof time === 'number' ? time : plain(time));
  if (Number.isNaN(date.getTime())) return '';
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

const showLevel = (level: string): string => paint(LEVELS.get(level), visible(level).toUpperCase().padEnd(5));

function showStatus(status: unknown): string {
  const style = { 4: 'yellow', 5: 'red' }[Math.floor(Number(plain(status)) / 100)];
  return paint(style ?? 'green', show(status));
}

/** As logfmt has them, but for a reason that the message has said, and for errors, which have lines of their own. */
function showFields(fields: Fields, said: string): string {
  const shown = Object.entries(fields).filter(
    ([key, value]) => value !== undefined && !isError(value) && !(key === 'reason' && isSaid(value, said)),
  );
  return join(
    ' ',
    shown.map(([key, value]) => paint('dim', `${show(key)}=`) + show(value)),
  );
}

/** As in `not ready: REASON`, with the reason as a field beside it. */
const isSaid = (words: unknown, said: string): boolean => words === said || said.endsWith(`: ${plain(words)}`);

const titleOf = ({ type, message }: Fields): string => join(': ', [plain(type), plain(message)]);

/** Of an error's title, what the message has not said. */
function unsaidOf(error: Fields, said: string): string {
  if (!error.message || !isSaid(error.message, said)) return titleOf(error);
  return error.type === 'Error' ? '' : plain(error.type);
}

/** Where in PostgreSQL's own code it was raised: https://www.postgresql.org/docs/18/protocol-error-fields.html */
const OF_POSTGRES = ['length', 'file', 'line', 'routine'];

/** What else is known of an error: its fields, where it was thrown, and the errors that it comes from. */
function detailsOf(error: Fields, said: string, folder: string): string[] {
  const { type, message, stack, ...known } = error;
  const isOf = (key: string): boolean => 'routine' in known && OF_POSTGRES.includes(key);
  const fields = Object.fromEntries(Object.entries(known).filter(([key]) => !isOf(key)));
  return [showFields(fields, said), ...framesOf(error, folder), ...errorsIn(fields, said, folder)].filter(Boolean);
}

function errorsIn(fields: Fields, said: string, folder: string): string[] {
  return Object.entries(fields).flatMap(([key, value]) => {
    const label = { cause: 'caused by: ', aggregateErrors: '' }[key] ?? `${show(key)}: `;
    const errors = isError(value) ? [value].flat() : [];
    return errors.flatMap((error) => block(label + titleOf(error), detailsOf(error, said, folder)));
  });
}

const block = (title: string, below: string[]): string[] => [...linesOf(title), ...below.map((line) => INDENT + line)];

/** Our own come first: the others are what called them. So does what is no frame, such as a stack's only words. */
function framesOf(error: Fields, folder: string): string[] {
  const lines = linesOf(withoutTitle(error)).filter((line) => line.trim());
  const frames = lines.map((line) => shorten(line.trim(), folder));
  const isOwn = (frame: string): boolean =>
    !frame.startsWith('at ') || (/:\d+\)?$/.test(frame) && !/\bnode:|\bnode_modules\//.test(frame));
  return [...frames.filter(isOwn), ...frames.filter((frame) => !isOwn(frame)).map((frame) => paint('dim', frame))];
}

/** A stack begins with the error's name and message, whatever they are, but for one that was made up. */
function withoutTitle({ message, stack }: Fields): string {
  const [text, words] = [plain(stack), plain(message)];
  const [name = ''] = /^[\w$.]*(?: \[\w+\])?(?:: )?/.exec(text) ?? [];
  const rest = text.slice(name.length + words.length);
  return text.startsWith(words, name.length) && /^(\n|$)/.test(rest) ? rest : text;
}

/** A path in the folder or beside it is shown from there, a package's from where packages are. */
function shorten(frame: string, folder: string): string {
  return frame.replace(/(?<=[ (])(?:file:\/\/)?(\/.*)/, (_, path: string) => {
    const parent = dirname(folder);
    if (path.startsWith(`${folder}/`)) return path.slice(folder.length + 1);
    if (path.startsWith(`${parent}/`)) return `..${path.slice(parent.length)}`;
    return path.replace(/^.*?\/(?=node_modules\/)/, '');
  });
}

/** A value, in quotes where it would not be seen to be one. */
function show(value: unknown, unit = ''): string {
  if (value === undefined) return '';
  const needsQuotes = typeof value === 'string' && NEEDS_QUOTES.test(value);
  return visible(needsQuotes ? JSON.stringify(value) : plain(value)) + unit;
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

const linesOf = (text: string): string[] => text.split('\n').map(visible);

function visible(text: string): string {
  return text.replace(CONTROLS, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function paint(style: string | undefined, text: string): string {
  const [open, close] = inspect.colors[style ?? ''] ?? [];
  return text && style ? `\x1b[${open}m${text}\x1b[${close}m` : text;
}

const join = (separator: string, parts: string[]): string => parts.filter(Boolean).join(separator);

/** Anything else as the one value of a map, so that it is shown. */
function toMap(value: unknown): Fields {
  if (isMap(value)) return value;
  return value === undefined ? {} : { value };
}

const unlessEmpty = (map: Fields): Fields | undefined => (Object.keys(map).length > 0 ? map : undefined);

/** An error as the logger has it in JSON, or several. */
function isError(value: unknown): value is Fields | Fields[] {
  if (Array.isArray(value)) return value.length > 0 && value.every((item) => isMap(item) && isError(item));
  return isMap(value) && typeof value.message === 'string' && typeof value.stack === 'string';
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
