/** Host mode's record of lines (scripts/host/record.ts), read from its files. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { logFile, olderLogFile } from '../host/record.ts';
import { LOGS } from '../host/state.ts';
import { type Extent, type Heed, type Source, TAKEN } from './lines.ts';

const POLL_MS = 100;
const CHUNK = 2 ** 16;
/** How many bytes at a record's end are the end of it. */
const BRIEF = 2 ** 20;

/** Whose lines there are. */
export function findRecords(): string[] {
  const files = existsSync(LOGS) ? readdirSync(LOGS) : [];
  return files.flatMap((file) => /^(.+)\.log$/.exec(file)?.[1] ?? []);
}

export class Records implements Source {
  readonly #services: string[];

  /** Of these services; where none is named, of all, and host mode's own. */
  constructor(services: string[]) {
    this.#services = services;
  }

  async read(heed: Heed, { isBrief = false }: Extent): Promise<void> {
    for (const name of this.#names()) {
      if (!isBrief) readOlder(name, heed);
      if (existsSync(logFile(name))) new Reader(name, logFile(name), heed, isBrief).end();
    }
  }

  async follow(heed: Heed): Promise<never> {
    const readers = new Map<string, Reader>();
    for (const name of this.#names()) readOlder(name, heed);
    for (; ; await sleep(POLL_MS))
      for (const name of this.#names()) {
        const reader = readers.get(name);
        reader?.read();
        // Not while host mode puts another one in its place.
        if (!existsSync(logFile(name)) || reader?.isOf(logFile(name))) continue;
        reader?.end();
        readers.set(name, new Reader(name, logFile(name), heed));
      }
  }

  #names(): string[] {
    return this.#services.length > 0 ? this.#services : findRecords();
  }
}

function readOlder(name: string, heed: Heed): void {
  if (existsSync(olderLogFile(name))) new Reader(name, olderLogFile(name), heed).end();
}

/** Of one file, which may grow, and be called otherwise meanwhile. */
class Reader {
  readonly #fd: number;
  readonly #service: string;
  readonly #heed: Heed;
  readonly #buffer = Buffer.alloc(CHUNK);
  #position: number;
  /** A line that is not whole yet. */
  #rest = Buffer.alloc(0);

  constructor(service: string, file: string, heed: Heed, isBrief = false) {
    this.#service = service;
    this.#fd = openSync(file, 'r');
    this.#heed = heed;
    this.#position = isBrief ? Math.max(0, fstatSync(this.#fd).size - BRIEF) : 0;
  }

  isOf(file: string): boolean {
    return statSync(file, { throwIfNoEntry: false })?.ino === fstatSync(this.#fd).ino;
  }

  /** What is new in it. */
  read(): void {
    for (let length = this.#next(); length > 0; length = this.#next()) {
      const all = Buffer.concat([this.#rest, this.#buffer.subarray(0, length)]);
      const end = all.lastIndexOf('\n') + 1;
      for (const line of all.toString('utf8', 0, end).split('\n')) this.#take(line);
      this.#rest = all.subarray(end);
    }
  }

  end(): void {
    this.read();
    closeSync(this.#fd);
  }

  #next(): number {
    const length = readSync(this.#fd, this.#buffer, 0, CHUNK, this.#position);
    this.#position += length;
    return length;
  }

  #take(line: string): void {
    const [, time, text] = TAKEN.exec(line) ?? [];
    if (time === undefined || text === undefined) return;
    this.#heed({ service: this.#service, stream: this.#service, time, text });
  }
}
