/** A status as people read it: a line for each service, what is wrong in it, and below it what it said last. */
import { styleText } from 'node:util';
import { align } from '../machine/terminal.ts';
import { type DatabaseStatus, isFine, type ServiceStatus, type Status } from './status.ts';

const COLOURS = { '✓': 'green', '!': 'yellow', '✗': 'red', ' ': 'reset' } as const;
type Mark = keyof typeof COLOURS;

/** How many lines of an error are shown; make logs has all. */
const DETAILS = 6;

export function renderStatus({ name, mode, reason, services, database }: Status): string {
  const lines = align([...services.map(cellsOf), cellsOfDatabase(database)]);
  const marks = [...services.map(markOf), markOfDatabase(database)];
  return [
    `${name} in ${mode} mode: ${reason}`,
    ...lines.flatMap((line, index) => [`${paint(marks[index] ?? ' ')} ${line}`, ...detailsOf(services[index])]),
  ].join('\n');
}

function detailsOf(service: ServiceStatus | undefined): string[] {
  if (!service?.error) return [];
  const { age, at, text } = service.error;
  const when = age === null ? '' : `${duration(age)} ago`;
  const title = [at, when].filter(Boolean).join(', ');
  return [title, ...text.split('\n').slice(0, DETAILS)].filter(Boolean).map((line) => `    ${line}`);
}

const paint = (mark: Mark): string => styleText(COLOURS[mark], mark, { stream: process.stdout });

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
  // What stands in for a service begins with the state.
  if (reason) return reason.replace(`${state}, `, '');
  if (current === false) return 'runs other sources than those on disk';
  return current === null && state === 'ready' ? 'does not tell its sources' : '';
}

/** 5 s, 12 min, 3 h, 2 d */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}
