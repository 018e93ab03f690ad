/**
 * What host mode shows, kept for make logs: a file per service in .stand/logs, each line with its time before it, as
 * `kubectl logs --timestamps` has it. Written aside, so that a slow disk holds nothing up.
 */
import { createWriteStream, mkdirSync, openSync, renameSync, statSync, type WriteStream } from 'node:fs';
import { LOGS } from './state.ts';

/** Of a file, in bytes; then it takes the place of the one older file that there is. */
const MAX_SIZE = 10 * 2 ** 20;

export const logFile = (name: string): string => `${LOGS}/${name}.log`;
export const olderLogFile = (name: string): string => `${logFile(name)}.1`;

interface Log {
  stream: WriteStream;
  size: number;
}

const logs = new Map<string, Log>();
let isBroken = false;

export function record(name: string, line: string): void {
  if (isBroken) return;
  try {
    const text = `${new Date().toISOString()} ${line}\n`;
    const log = logs.get(name) ?? open(name);
    log.stream.write(text);
    log.size += Buffer.byteLength(text);
    if (log.size >= MAX_SIZE) replace(name, log);
  } catch (error) {
    giveUp(error as Error);
  }
}

function open(name: string): Log {
  mkdirSync(LOGS, { recursive: true });
  const fd = openSync(logFile(name), 'a');
  const log = { stream: createWriteStream('', { fd }).on('error', giveUp), size: statSync(logFile(name)).size };
  logs.set(name, log);
  return log;
}

function replace(name: string, { stream }: Log): void {
  stream.end();
  renameSync(logFile(name), olderLogFile(name));
  logs.delete(name);
}

/** As on a full disk, which is no reason to end. */
function giveUp({ message }: Error): void {
  if (!isBroken) console.error(`! ${LOGS} is not written any more: ${message}`);
  isBroken = true;
}
