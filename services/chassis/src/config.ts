import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { Fault } from './fault.ts';

const port = v.pipe(
  v.string(),
  v.regex(/^\d{1,5}$/, 'must be a port number'),
  v.transform(Number),
  v.maxValue(65535, 'must be a port number'),
);

/**
 * What every service reads. With `MANAGEMENT_PORT`, probes and metrics are served there and no longer on `PORT`. A port
 * of 0 lets the system choose a free one. With `API_DOCS`, `/docs` is a page that shows the API and sends requests.
 */
export const serverVariables = {
  PORT: port,
  MANAGEMENT_PORT: v.optional(port),
  LOG_LEVEL: v.optional(v.picklist(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']), 'info'),
  LOG_FORMAT: v.optional(v.picklist(['json', 'text']), 'json'),
  API_DOCS: v.optional(v.picklist(['0', '1']), '0'),
};

const file = v.pipe(v.string(), v.check(isReadable, 'must be the path of a readable file'));

/**
 * libpq's names (https://www.postgresql.org/docs/18/libpq-envars.html). Of its SSL modes only the three whose
 * meaning is plain: no encryption, encryption, encryption with a verified server. User and password may be in files
 * instead, which are read at each connection. `DATABASE_POOL_SIZE` is how many connections serve requests at most;
 * `DATABASE_POOL_MODE` is that of the PgBouncer on the way, if there is one: https://www.pgbouncer.org/features.html
 */
export const databaseVariables = {
  PGHOST: v.string(),
  PGPORT: v.optional(port, '5432'),
  PGDATABASE: v.string(),
  PGUSER: v.optional(v.string()),
  PGUSER_FILE: v.optional(file),
  PGPASSWORD: v.optional(v.string()),
  PGPASSWORD_FILE: v.optional(file),
  PGSSLMODE: v.optional(v.picklist(['disable', 'require', 'verify-full']), 'disable'),
  PGSSLROOTCERT: v.optional(file),
  DATABASE_POOL_SIZE: v.optional(
    v.pipe(v.string(), v.regex(/^[1-9]\d{0,2}$/, 'must be 1 to 999'), v.transform(Number)),
  ),
  DATABASE_POOL_MODE: v.optional(v.picklist(['session', 'transaction']), 'session'),
};

export type DatabaseConfig = v.InferOutput<v.ObjectSchema<typeof databaseVariables, undefined>>;

/** The address of another service, such as `PAYMENTS_URL`, without a slash at its end. */
export const serviceUrl = urlSuchAs('http://payments:8083');

/** Without a slash at its end. */
export function urlSuchAs(example: string) {
  const fault = `must be a URL such as ${example}`;
  return v.pipe(
    v.string(),
    v.url(fault),
    v.regex(/^https?:\/\//, fault),
    v.transform((url) => url.replace(/\/+$/, '')),
  );
}

/**
 * Parses the environment once, at start. An empty variable counts as unset, as libpq does. Where there is a `NAME_FILE`
 * beside a `NAME`, one of them must be set; with both, `NAME` counts.
 * @throws {Fault} naming every faulty variable, not only the first
 */
export function loadConfig<Variables extends v.ObjectEntries>(
  variables: Variables,
  env: NodeJS.ProcessEnv = process.env,
) {
  const known = Object.keys(variables).flatMap((name) => (env[name] ? [[name, env[name]]] : []));
  const result = v.safeParse(v.object(variables), Object.fromEntries(known));
  const faults = [...(result.issues ?? []).map(describe), ...withoutFile(variables, env)];
  if (result.success && faults.length === 0) return result.output;
  throw new Fault(`the environment is not usable: ${faults.join('; ')}`);
}

/** The faults of those that could also be in a file, but are nowhere. */
function withoutFile(variables: v.ObjectEntries, env: NodeJS.ProcessEnv): string[] {
  return Object.keys(variables).flatMap((name) => {
    const other = `${name}_FILE`;
    return other in variables && !env[name] && !env[other] ? [`${name} is not set, nor ${other}`] : [];
  });
}

function describe(issue: v.BaseIssue<unknown>): string {
  const name = v.getDotPath(issue);
  return issue.received === 'undefined' ? `${name} is not set` : `${name}: ${issue.message}`;
}

function isReadable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
