import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** One service's values, as far as running it outside Kubernetes needs them. See helm/app/values.yaml. */
export interface ServiceValues {
  enabled: boolean;
  url: string;
  port: number;
  needs: string[];
  uses: string[];
  logLevel: string;
  database: { enabled: boolean; seed: boolean };
  env: { name: string; value?: string }[];
}

export interface Values {
  services: Record<string, ServiceValues>;
  postgresql: { auth: { username: string; password: string; database: string } };
}

type Tree = Record<string, unknown>;

const CHART = 'helm/app';

/**
 * The chart's values for an environment, each service with the defaults filled in. `selected`, where not empty, says
 * which services are enabled.
 * @throws with a sentence when the environment or a selected service is unknown, or a needed service is off
 */
export function loadValues(environment: string, selected: string[] = []): Values {
  const file = `${CHART}/values-${environment}.yaml`;
  if (!existsSync(file))
    throw new Error(`There is no environment ${environment}. There are: ${environments().join(', ')}.`);
  const merged = merge(read(`${CHART}/values.yaml`), read(file)) as Tree & { services: Tree };
  const services = Object.fromEntries(
    Object.entries(merged.services).map(([name, own]) => [name, merge(merged.serviceDefaults, own) as ServiceValues]),
  );
  for (const name of selected) {
    if (!services[name])
      throw new Error(`There is no service ${name}. There are: ${Object.keys(services).sort().join(', ')}.`);
  }
  if (selected.length > 0)
    for (const [name, service] of Object.entries(services)) service.enabled = selected.includes(name);
  checkNeeds(services);
  return { ...(merged as unknown as Values), services };
}

/** The variables that a service gets, with the same names as in the chart; on this machine all are on localhost. */
export function environmentOf(name: string, values: Values, databasePort: number): Record<string, string> {
  const { port, logLevel, needs, uses, database, env } = serviceOf(name, values.services);
  const urls = [...needs, ...uses].flatMap((callee) => {
    const url = urlOf(serviceOf(callee, values.services));
    return url ? [[`${callee.toUpperCase().replaceAll('-', '_')}_URL`, url]] : [];
  });
  const { username, password, database: databaseName } = values.postgresql.auth;
  return {
    PORT: String(port),
    LOG_LEVEL: logLevel,
    ...Object.fromEntries(urls),
    ...(database.enabled && {
      PGHOST: '127.0.0.1',
      PGPORT: String(databasePort),
      PGDATABASE: databaseName,
      PGUSER: username,
      PGPASSWORD: password,
      PGSSLMODE: 'disable',
    }),
    ...Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
  };
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
  const service = services[name];
  if (!service) throw new Error(`${name} is not one of services in ${CHART}/values.yaml`);
  return service;
}

const urlOf = ({ enabled, port, url }: ServiceValues): string => (enabled ? `http://localhost:${port}` : url);

export function environments(): string[] {
  return readdirSync(CHART).flatMap((file) => /^values-(\w+)\.yaml$/.exec(file)?.[1] ?? []);
}

const read = (file: string): unknown => parse(readFileSync(file, 'utf8'));

/** As Helm merges: maps by key, all else replaced. */
export function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isMap(base) || !isMap(over)) return over;
  const keys = new Set([...Object.keys(base), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(base[key], over[key])]));
}

export function isMap(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
