/** What to run: each enabled service as the values say it, in the environment that its process gets. */
import { resolve } from 'node:path';
import { showsColours } from '../../services/chassis/src/text.ts';
import { databasePort, hostPort, inspectorPort } from '../facts/ports.ts';
import { environmentOf, type Values } from '../facts/values.ts';
import { serviceEnvironment } from '../machine/environment.ts';
import { CACHE } from './state.ts';

export interface Definition {
  name: string;
  folder: string;
  /** On localhost. */
  port: number;
  env: Record<string, string>;
  /** Empty for a service without a database. */
  migrateCommand: string[];
}

/** Without a line at each start. Of a port that is taken, Node.js says so, and runs the service all the same. */
const inspectAt = (port: number): string => `--inspect=127.0.0.1:${port} --inspect-publish-uid=http`;

/** `debug` opens each one's debugger. */
export function defineServices(values: Values, debug: boolean): Definition[] {
  const enabled = Object.entries(values.services).filter(([, service]) => service.enabled);
  return enabled.map(([name, { port, database, migrateCommand }]) => ({
    name,
    folder: `services/${name}`,
    port: hostPort(port),
    env: serviceEnvironment({
      NODE_COMPILE_CACHE: resolve(CACHE),
      // Their lines go through a pipe to our stdout.
      ...(showsColours() && { FORCE_COLOR: '1' }),
      ...(debug && { NODE_DEBUG_OPTION: inspectAt(inspectorPort(port)) }),
      ...environmentOf(name, values, databasePort()),
    }),
    migrateCommand: database.enabled ? [...migrateCommand, ...(database.seed ? ['--seed'] : [])] : [],
  }));
}
