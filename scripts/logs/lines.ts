/**
 * A service's lines as they were taken down, read again: events in JSON or in text (services/chassis/src/text.ts), and
 * whatever else its process has printed.
 */
import { stripVTControlCharacters } from 'node:util';
import { HOST_MODE } from '../host/output.ts';
import { parseObject } from '../machine/json.ts';

export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof LEVELS)[number];

/** One line, as host mode or Kubernetes has taken it down. */
export interface Taken {
  service: string;
  /** What its lines follow each other in: a file, or a pod's container. */
  stream: string;
  /** RFC 3339. */
  time: string;
  text: string;
}

export type Heed = (line: Taken) => void;

/** Which of its lines a source is to read; all, where nothing is said. A file has all, and leaves the rest to a sieve. */
export interface Extent {
  /** No older ones. */
  seconds?: number;
  /** Only the end, some hundred of each service. */
  isBrief?: boolean;
}

/** Where lines come from. */
export interface Source {
  /** Those that there are. */
  read(heed: Heed, extent: Extent): Promise<void>;
  /** Those to come as well, until the process ends. */
  follow(heed: Heed, extent: Extent): Promise<never>;
}

/** What is wanted of them; all of it, where nothing is said. */
export interface Wanted {
  /** A request's id, whole or the first eight characters of a UUID, as lines in text show it. */
  request?: string;
  trace?: string;
  /** This and above. What no logger has written has no level and is shown at any: mostly it is a crash. */
  level?: Level;
  /** Taken down at this moment, in ms, or later. */
  since?: number;
}

/** A line to show. */
export interface Line {
  service: string;
  /** When it was said, in ms. */
  at: number;
  /** Which event it is a line of: the same for all of one, and in the order in which they were taken down. */
  event: number;
  level: Level | undefined;
  text: string;
}

interface Event extends Pick<Line, 'at' | 'event' | 'level'> {
  isWanted: boolean;
}

/** `2026-11-28T09:30:00.123456789Z text`, as host mode writes it and `kubectl logs --timestamps` prints it. */
export const TAKEN = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?(.*)$/s;

const TEXT = /^(\d\d):(\d\d):(\d\d)\.(\d{3}) (TRACE|DEBUG|INFO|WARN|ERROR|FATAL) /;
/** The id comes after what became of a request, such as `GET /orders 200 6 ms` or its status alone, else after the message. */
const REQUEST_ID = /^.{18}(?:.* {2}(?:\S+ \S+ )?\d{3}(?: \d+ ms)?|.*?) {2}([\w.:-]+)(?= {2}|$)/s;
const UUID = /^([\da-f]{8})(?:(?:-[\da-f]{4}){3}-[\da-f]{12})?$/i;
const QUARTER_MS = 15 * 60_000;
/** Lines that wait for others to be written, or for a busy machine. */
const LATE_MS = 60_000;

/** Lets those lines through that are wanted, with what belongs to them: the lines below an event, indented, are its own. */
export class Sieve {
  readonly #wanted: Wanted;
  readonly #last = new Map<string, Event>();
  #count = 0;

  constructor(wanted: Wanted) {
    this.#wanted = wanted;
  }

  /** The line, or nothing when nobody asked for it. */
  pass({ service, stream, time, text }: Taken): Line[] {
    const taken = Date.parse(time);
    if (taken < (this.#wanted.since ?? 0)) return [];
    const plain = stripVTControlCharacters(text);
    const above = /^(\s|$)/.test(plain) ? this.#last.get(stream) : undefined;
    const event = above ?? this.#read(service, plain, taken);
    this.#last.set(stream, event);
    const { isWanted, ...rest } = event;
    return isWanted ? [{ service, ...rest, text }] : [];
  }

  #read(service: string, text: string, taken: number): Event {
    const said = service === HOST_MODE ? parseAnnouncement(text) : parse(text);
    return {
      at: said.at(taken),
      event: this.#count++,
      level: said.level,
      isWanted: matches(said, this.#wanted),
    };
  }
}

/** In the order in which they were said; the lines of an event stay together. */
export const inOrder = (lines: Line[]): Line[] => lines.sort((a, b) => a.at - b.at || a.event - b.event);

interface Said {
  level?: Level;
  at(taken: number): number;
  hasRequest(id: string): boolean;
  hasTrace(id: string): boolean;
}

const plain: Said = { at: (taken) => taken, hasRequest: () => false, hasTrace: () => false };

function parse(text: string): Said {
  if (text.startsWith('{')) return parseJson(text);
  const [, hours, minutes, seconds, milliseconds, level] = TEXT.exec(text) ?? [];
  if (!level) return plain;
  const [, requestId = ''] = REQUEST_ID.exec(text) ?? [];
  return {
    level: level.toLowerCase() as Level,
    at: (taken) =>
      momentOf(((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000 + Number(milliseconds), taken),
    hasRequest: (id) => requestId === shorten(id) || isOrBegins(id, requestId),
    hasTrace: (id) => text.split(/\s+/).includes(`trace_id=${id}`),
  };
}

function parseJson(text: string): Said {
  const { time, level, requestId, trace_id: traceId } = parseObject(text);
  const moment = Date.parse(time);
  return {
    ...(LEVELS.includes(level) && { level }),
    at: (taken) => (Number.isNaN(moment) ? taken : moment),
    hasRequest: (id) => isOrBegins(id, String(requestId)),
    hasTrace: (id) => traceId === id,
  };
}

/** By the mark that all our scripts put before what is wrong. */
function parseAnnouncement(text: string): Said {
  const level = text.startsWith('✗') ? 'error' : text.startsWith('!') ? 'warn' : 'info';
  return { ...plain, level };
}

const shorten = (id: string): string => UUID.exec(id)?.[1] ?? id;

const isOrBegins = (id: string, whole: string): boolean =>
  id === whole || (UUID.test(id) && UUID.test(whole) && whole.startsWith(`${id}-`));

/** The moment before `taken` that a clock in whichever time zone shows so: those differ by quarters of an hour. */
function momentOf(timeOfDay: number, taken: number): number {
  const ago = (((taken - timeOfDay) % QUARTER_MS) + QUARTER_MS) % QUARTER_MS;
  return ago < LATE_MS ? taken - ago : taken;
}

function matches({ level, hasRequest, hasTrace }: Said, wanted: Wanted): boolean {
  if (wanted.request !== undefined && !hasRequest(wanted.request)) return false;
  if (wanted.trace !== undefined && !hasTrace(wanted.trace)) return false;
  return !wanted.level || !level || LEVELS.indexOf(level) >= LEVELS.indexOf(wanted.level);
}
