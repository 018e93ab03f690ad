/** Schemathesis, which makes requests of an OpenAPI document: https://schemathesis.readthedocs.io */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { capture, which } from '../../scripts/machine/command.ts';

const VERSION = '4.32.5';
const PLACE = resolve('.stand/schemathesis');
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
];

/** Installs it, into a folder of the clone. @returns its program, or undefined where it is not to be had */
export async function installSchemathesis(): Promise<string | undefined> {
  const program = `${PLACE}/${VERSION}/bin/schemathesis`;
  if (existsSync(program) || !which('python3')) return existsSync(program) ? program : undefined;
  try {
    await capture('python3', ['-m', 'venv', `${PLACE}/${VERSION}`]);
    await capture(`${PLACE}/${VERSION}/bin/pip`, ['install', '--quiet', `schemathesis==${VERSION}`]);
    return program;
  } catch {
    return undefined;
  }
}

/** Sends the same requests each time. @throws with what it found */
export async function explore(program: string, url: string): Promise<void> {
  const bounds = [
    '--seed',
    '1',
    '--max-examples',
    '20',
    '--phases',
    'coverage,fuzzing',
    '--generation-database',
    'none',
  ];
  const run = [program, 'run', `${url}/openapi.json`, ...bounds, '--checks', CHECKS.join(','), '--no-color'];
  // It leaves files in the working directory.
  await capture('sh', ['-c', 'cd "$0" && exec "$@"', PLACE, ...run]);
}
