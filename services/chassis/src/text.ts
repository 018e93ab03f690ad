/** Placeholder: the helper of "lines" makes this file. */
import { styleText } from 'node:util';

interface Look {
  colours: boolean;
  /** Paths of files in it, and of those beside it, are shown from here. */
  folder: string;
}

export const showsColours = (): boolean => styleText('red', '', { stream: process.stdout }) !== '';

export function toText(json: string, _look: Look): string {
  try {
    const { time, level, msg, req, res, requestId = '', responseTime, err, trace_id } = JSON.parse(json);
    if (level === undefined) return json;
    const request = req ? `  ${req.method} ${req.url} ${res.statusCode} ${responseTime} ms` : '';
    const trace = trace_id ? `  trace_id=${trace_id}` : '';
    const id = String(requestId).replace(/^([\da-f]{8})(-[\da-f]{4}){3}-[\da-f]{12}$/i, '$1');
    const head = `${time.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${msg}${request}${id && `  ${id}`}${trace}`;
    return [
      head,
      ...String(err?.stack ?? '')
        .split('\n')
        .filter(Boolean)
        .map((line) => `    ${line.trim()}`),
    ].join('\n');
  } catch {
    return json;
  }
}
