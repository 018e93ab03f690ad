/** No connection to the database could be made, whatever kept it. */
export class Unreachable extends Error {}

/**
 * How the database is when it can't do at the moment what may well be done later, by the code of an error or, where
 * node-postgres gives none, its message. https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
const OUTAGES: [RegExp, string][] = [
  // A lock or a statement took too long, a deadlock or conflict was resolved, resources ran out, the pool is all lent.
  [/^(55P03|57014|40001|40P01|53|timeout exceeded when trying to connect)/, 'busy'],
  // A standby, such as the former primary after a failover.
  [/^25006/, 'read-only'],
  [/^(ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|08|57P|25P03)/, 'not reachable'],
  [
    /^(Connection terminated|Query read timeout|Client (has encountered a connection error|was closed))/,
    'not reachable',
  ],
];

/** How the database is, as in "the database is busy"; undefined for an error that is not its condition. */
export function outageOf(error: unknown): string | undefined {
  if (error instanceof Unreachable) return 'not reachable';
  const { code, message } = Object(error) as { code?: unknown; message?: unknown };
  return OUTAGES.find(([pattern]) => pattern.test(String(code ?? message)))?.[1];
}
