/** The ports on localhost, the same in both modes: cluster/ctlptl.yaml maps them, and all others follow from those. */
import { readNames } from './names.ts';

/** PostgreSQL's in the cluster, in values-local.yaml. */
const DATABASE_NODE_PORT = 30432;
const FIRST_INSPECTOR = 9229;
/** Tilt's page, its default. */
export const TILT_PORT = 10350;
/** Jaeger's page, its default. */
export const TRACES_PORT = 16686;

const mappings = () => readNames().portMappings;

/** PostgreSQL's. */
export function databasePort(): number {
  const port = mappings().find(({ containerPort }) => containerPort === DATABASE_NODE_PORT)?.hostPort;
  if (!port) throw new Error(`cluster/ctlptl.yaml maps no port to PostgreSQL's ${DATABASE_NODE_PORT}`);
  return port;
}

/** Those that services may have, in order. */
export function servicePorts(): number[] {
  const ofServices = mappings().filter(({ containerPort }) => containerPort !== DATABASE_NODE_PORT);
  return ofServices.map(({ hostPort }) => hostPort).sort((a, b) => a - b);
}

/** The NodePort that leads to a service's port; undefined where the cluster maps none to it. */
export function nodePortOf(port: number): number | undefined {
  return mappings().find(({ hostPort }) => hostPort === port)?.containerPort;
}

/** Where a service's debugger listens with DEBUG=1: 9229 for the first port, and so on. */
export function inspectorPort(port: number): number {
  return FIRST_INSPECTOR + port - (servicePorts()[0] ?? port);
}
