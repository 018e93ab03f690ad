/** What to run: each enabled service as the values say it, in the environment that its process gets. */
import { resolve } from 'node:path';
import { showsColours } from '../../services/chassis/src/text.ts';
import { databasePort, inspectorPort } from '../facts/ports.ts';
import { environmentOf, type Values } from '../facts/values.ts';
import { serviceEnvironment } from '../machine/environment.ts';
import { CACHE } from './state.ts';

export interface Definition {
  name: string;
  folder: string;
  port: number;
  env: Record<string, string>;
  /** Empty for a service without a database. */
  migrateCommand: string[];
}

export function defineServices(values: Values, debug: boolean): Definition[] {
  const enabled = Object.entries(values.services).filter(([, service]) => service.enabled);
  return enabled.map(([name, { port, database, migrateCommand }]) => ({
    name,
    folder: `services/${name}`,
    port,
    env: serviceEnvironment({
      NODE_COMPILE_CACHE: resolve(CACHE),
      // Their lines go through a pipe to our stdout.
      ...(showsColours() && { FORCE_COLOR: '1' }),
      ...(debug && { NODE_DEBUG_OPTION: `--inspect=127.0.0.1:${inspectorPort(port)}` }),
      ...environmentOf(name, values, databasePort()),
    }),
    migrateCommand: database.enabled ? [...migrateCommand, ...(database.seed ? ['--seed'] : [])] : [],
  }));
}
