import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { branchDatabase, hasBranch, hasDatabasePerBranch, headFile } from './branch.ts';
import { hostPort } from './ports.ts';

/** One service's values, as far as building and running it needs them. See helm/app/values.yaml. */
export interface ServiceValues {
  enabled: boolean;
  url: string;
  image: { repository: string };
  port: number;
  needs: string[];
  uses: string[];
  logLevel: string;
  logFormat: string;
  apiDocs: boolean;
  database: { enabled: boolean; seed: boolean; poolSize: number; host: string; name: string };
  env: Variable[];
  migrateCommand: string[];
}

export interface Variable {
  name: string;
  value?: string;
}

export interface Values {
  services: Record<string, ServiceValues>;
  tracing: { endpoint: string; url: string };
  postgresql: {
    enabled: boolean;
    /** The services', if not that of `auth`, which is made with the server; where this is enabled, loadValues says it. */
    database: string;
    auth: { username: string; password: string; database: string };
  };
}

type Tree = Record<string, unknown>;

export const CHART = 'helm/app';
/** Of all environments. */
export const DEFAULTS = `${CHART}/values.yaml`;
/** What a developer changes of values-local.yaml alone, in no commit; mostly there is none. */
export const MINE = `${CHART}/values-local.mine.yaml`;

/**
 * The chart's values for an environment, each service with the defaults filled in. `selected`, where not empty, says
 * which services are enabled.
 * @throws with a sentence when the environment or a selected service is unknown, or a needed service is off
 */
export function loadValues(environment: string, selected: string[] = []): Values {
  checkEnvironment(environment);
  const values = readValues(valuesFiles(environment));
  if (values.postgresql.enabled) values.postgresql.database = databaseOf(environment, values);
  select(values.services, selected);
  checkNeeds(values.services);
  return values;
}

function databaseOf(environment: string, { postgresql: { auth, database } }: Values): string {
  const isOfBranch = environment === 'local' && hasDatabasePerBranch();
  return isOfBranch ? branchDatabase(auth.database) : database || auth.database;
}

/** Whether these values of the local environment have the database of the branch: a checkout changes files before. */
export function isOfBranch({ postgresql: { auth, database } }: Pick<Values, 'postgresql'>): boolean {
  return !hasDatabasePerBranch() || (hasBranch() && branchDatabase(auth.database) === database);
}

/** values.yaml alone: what the services are in every environment. */
export const loadDefaults = (): Values => readValues([DEFAULTS]);

/** The variables that a service gets, with the same names as in the chart; on this machine all are on localhost. */
export function environmentOf(name: string, values: Values, databasePort: number): Record<string, string> {
  const { port, logLevel, logFormat, apiDocs, needs, uses, database, env } = serviceOf(name, values.services);
  const urls = [...needs, ...uses].flatMap((callee) => {
    const url = urlOf(serviceOf(callee, values.services));
    return url ? [[`${callee.toUpperCase().replaceAll('-', '_')}_URL`, url]] : [];
  });
  const { username, password } = values.postgresql.auth;
  return {
    PORT: String(hostPort(port)),
    LOG_LEVEL: logLevel,
    LOG_FORMAT: logFormat,
    ...(apiDocs && { API_DOCS: '1' }),
    ...Object.fromEntries(urls),
    ...(database.enabled && {
      PGHOST: '127.0.0.1',
      PGPORT: String(databasePort),
      PGDATABASE: values.postgresql.database,
      PGUSER: username,
      PGPASSWORD: password,
      PGSSLMODE: 'disable',
      DATABASE_POOL_SIZE: String(database.poolSize),
    }),
    ...tracingEnvironment(name, values.tracing),
    ...Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
  };
}

function tracingEnvironment(name: string, { endpoint, url }: Values['tracing']): Record<string, string> {
  return {
    ...(endpoint && { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SERVICE_NAME: name }),
    ...(url && { TRACES_URL: url }),
  };
}

function readValues(files: string[]): Values {
  const merged = files.filter(existsSync).map(read).reduce<unknown>(merge, {}) as Tree & { services: Tree };
  // Null takes a service away, as in Helm.
  const entries = Object.entries(merged.services).filter(([, values]) => values !== null);
  const services = entries.map(([name, values]) => [name, merge(merged.serviceDefaults, values)]);
  return { ...merged, services: Object.fromEntries(services) } as unknown as Values;
}

/** What an environment says of services by their names, rather than of all. */
export const entriesOf = (environment: string): Record<string, unknown> =>
  overridesOf(environment)
    .map((file) => read(file).services)
    .reduce(merge, {}) as Tree;

function select(services: Record<string, ServiceValues>, selected: string[]): void {
  const unknown = selected.find((name) => !Object.hasOwn(services, name));
  if (unknown)
    throw new Error(`There is no service ${unknown}. There are: ${Object.keys(services).sort().join(', ')}.`);
  if (selected.length === 0) return;
  for (const [name, service] of Object.entries(services)) service.enabled = selected.includes(name);
}

/** @throws with a sentence when these can't run on this machine, with the others in the cluster */
export function checkLocal(names: string[], environment: string, services: Record<string, ServiceValues>): void {
  if (names.length > 0 && environment !== 'local')
    throw new Error(`LOCAL runs sources, and ENV=${environment} what is released: leave one of them out`);
  const running = Object.keys(services).filter((name) => services[name]?.enabled);
  const other = names.find((name) => !running.includes(name));
  if (other) throw new Error(`LOCAL names ${other}, which does not run. There are: ${running.sort().join(', ')}.`);
}

function checkNeeds(services: Record<string, ServiceValues>): void {
  for (const [name, { enabled, needs }] of Object.entries(services)) {
    const missing = enabled && needs.find((need) => !urlOf(serviceOf(need, services)));
    if (missing)
      throw new Error(
        `services.${name} needs ${missing}, which is disabled: enable services.${missing} or disable services.${name}`,
      );
  }
}

function serviceOf(name: string, services: Record<string, ServiceValues>): ServiceValues {
  const service = own(services, name);
  if (!service) throw new Error(`${name} is not one of services in ${DEFAULTS}`);
  return service;
}

const urlOf = ({ enabled, port, url }: ServiceValues): string => (enabled ? `http://localhost:${hostPort(port)}` : url);

/** In the order in which they are merged, also one of a developer's own that is not there yet. */
export const valuesFiles = (environment: string): string[] => [
  DEFAULTS,
  valuesFile(environment),
  ...(environment === 'local' ? [MINE] : []),
];

/** What the values of an environment follow from. */
export const sourcesOf = (environment: string): string[] => [
  ...valuesFiles(environment),
  ...(environment === 'local' && hasDatabasePerBranch() ? [headFile()] : []),
];

/** What Helm gets on top of the chart's own values. */
export const overridesOf = (environment: string): string[] =>
  valuesFiles(environment).filter((file) => file !== DEFAULTS && existsSync(file));

/** What the chart of an environment is made of: all but the values of the others. */
export function chartFiles(environment: string): string[] {
  const shared = readdirSync(CHART).filter((name) => !/^values[.-].*yaml$/.test(name));
  return [...shared.map((name) => `${CHART}/${name}`), ...valuesFiles(environment)];
}

/** What an environment changes of values.yaml. */
export const valuesFile = (environment: string): string => `${CHART}/values-${environment}.yaml`;

/** @throws with a sentence when there are no values for it */
export function checkEnvironment(environment: string): void {
  if (!environments().includes(environment))
    throw new Error(`There is no environment ${environment}. There are: ${environments().join(', ')}.`);
}

export function environments(chart = CHART): string[] {
  return readdirSync(chart).flatMap((file) => /^values-([\w-]+)\.yaml$/.exec(file)?.[1] ?? []);
}

/** Empty where the file has nothing but comments. @throws with a sentence that names the file */
function read(file: string): Tree {
  const values = parsed(file) ?? {};
  if (!isMap(values)) throw new Error(`${file} holds no values by name`);
  const empty = Object.keys(values).find((key) => values[key] === null);
  if (empty) throw new Error(`${file}: below ${empty} there is nothing, which takes away all that others say there`);
  return values;
}

function parsed(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file} is no YAML: ${(error as Error).message}`);
  }
}

/** As Helm merges: maps by key, all else replaced. */
export function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isMap(base) || !isMap(over)) return over;
  const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(own(base, key), own(over, key))]));
}

/** A map's own value, and not that which every object has, such as `constructor`. */
export function own<T>(map: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

export function isMap(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
