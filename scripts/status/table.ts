/** A status as people read it: a line for each service, what is wrong in it, and below it what it said last. */
import { styleText } from 'node:util';
import { type DatabaseStatus, isFine, type ServiceStatus, type Status } from './status.ts';

const COLOURS = { '✓': 'green', '!': 'yellow', '✗': 'red', ' ': 'reset' } as const;
type Mark = keyof typeof COLOURS;

export function renderStatus({ stand, mode, reason, services, database }: Status): string {
  const rows = [...services.map(cellsOf), cellsOfDatabase(database)];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const details = services.map(({ error }) =>
    error ? `\n${indent(error.at ? `${error.at}\n${error.text}` : error.text)}` : '',
  );
  const marks = [...services.map(markOf), markOfDatabase(database)];
  return [
    `${stand} in ${mode} mode: ${reason}`,
    ...lines.map((line, index) => `${paint(marks[index] ?? ' ')} ${line}${details[index] ?? ''}`),
  ].join('\n');
}

const paint = (mark: Mark): string => styleText(COLOURS[mark], mark, { stream: process.stdout });

const indent = (text: string): string => text.replace(/^/gm, '    ');

function markOf(service: ServiceStatus): Mark {
  if (service.state === 'off') return ' ';
  if (isFine(service)) return '✓';
  return service.state === 'ready' || service.state === 'starting' ? '!' : '✗';
}

const markOfDatabase = ({ state }: DatabaseStatus): Mark => (state === 'off' ? ' ' : state === 'ready' ? '✓' : '✗');

function cellsOf(service: ServiceStatus): string[] {
  const { name, state, address, age, debugger: port } = service;
  return [
    name,
    state,
    state === 'off' ? '' : address,
    age === null ? '' : duration(age),
    port ? `debugger ${port}` : '',
    remarkOf(service),
  ];
}

const cellsOfDatabase = ({ state, address, reason }: DatabaseStatus): string[] => [
  'database',
  state,
  state === 'off' ? '' : address,
  '',
  '',
  reason ?? '',
];

function remarkOf({ reason, state, current }: ServiceStatus): string {
  if (reason) return reason;
  if (current === false) return 'runs other sources than those on disk';
  return current === null && state === 'ready' ? 'does not tell its sources' : '';
}

/** 5 s, 12 min, 3 h, 2 d */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
