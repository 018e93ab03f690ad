/** The ports on localhost, the same in both modes: cluster/ctlptl.yaml maps them, and all others follow from those. */
import { readNames } from './names.ts';
import { DISTANCE, readSlots, SLOTS } from './slot.ts';

/** PostgreSQL's in the cluster, in values-local.yaml. */
const DATABASE_NODE_PORT = 30432;
const FIRST_INSPECTOR = 9229;
const LOCAL_DISTANCE = 10_000;
/** Of Tilt's page, its default. */
const TILT_PORT = 10350;
/** Of Jaeger's page, and of what it takes; its defaults. */
const TRACES_PORT = 16686;
const OTLP_PORT = 4318;

const mappings = () => readNames().portMappings;

/** Where a port of slot 0, such as a service's in the values, is on localhost: kind's hostPort. */
export const hostPort = (port: number): number => port + DISTANCE * readNames().slot;

/** PostgreSQL's. */
export function databasePort(): number {
  const port = mappings().find(({ containerPort }) => containerPort === DATABASE_NODE_PORT)?.hostPort;
  if (!port) throw new Error(`cluster/ctlptl.yaml maps no port to PostgreSQL's ${DATABASE_NODE_PORT}`);
  return hostPort(port);
}

/** Those that services may have in the values, in order. */
export function servicePorts(): number[] {
  const ofServices = mappings().filter(({ containerPort }) => containerPort !== DATABASE_NODE_PORT);
  return ofServices.map(({ hostPort }) => hostPort).sort((a, b) => a - b);
}

/** The NodePort that leads to a service's port; undefined where the cluster maps none to it. */
export function nodePortOf(port: number): number | undefined {
  return mappings().find(({ hostPort }) => hostPort === port)?.containerPort;
}

/** Where a service of the cluster listens that runs on this machine (make dev LOCAL=): its own port leads into the cluster. */
export const localPort = (port: number): number => hostPort(port) + LOCAL_DISTANCE;

/** Where a service's debugger listens: 9229 for the first port, and so on. */
export const inspectorPort = (port: number): number => hostPort(inspectorPortInSlot0(port));
export const inspectorPortInSlot0 = (port: number): number => FIRST_INSPECTOR + port - (servicePorts()[0] ?? port);

export const tiltPort = (): number => TILT_PORT + readNames().slot;
export const tracesPort = (): number => hostPort(TRACES_PORT);
export const otlpPort = (): number => hostPort(OTLP_PORT);

/** For who can't end what has a port of this clone's slot. */
export function otherSlot(): string {
  const taken = [readNames().slot, ...readSlots().map(({ number }) => number)];
  return `make dev SLOT=${SLOTS.find((number) => !taken.includes(number)) ?? '…'}`;
}
