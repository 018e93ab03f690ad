import { cpSync } from 'node:fs';
import { LOCAL_VALUES, type StandCopy, VALUES } from './stand-copy.ts';

export const NAME = 'clock';
export const FIXTURE = `test/fixtures/services/${NAME}`;
export const TEST_COMMAND = ['python3', 'ready.py'];

/** Adds the service to a copy, with all that docs/other-languages.md says it needs. */
export function addPythonService(stand: StandCopy): void {
  cpSync(FIXTURE, stand.at(`services/${NAME}`), { recursive: true });
  stand.write(
    `helm/app/templates/${NAME}/${NAME}.yaml`,
    `{{- include "app.workload" (dict "root" $ "name" "${NAME}") }}\n`,
  );
  stand.changeServices(VALUES, (services) => {
    services[NAME] = { port: 8089, image: { repository: `stand/${NAME}` }, testCommand: TEST_COMMAND };
  });
  stand.changeServices(LOCAL_VALUES, (services) => {
    services[NAME] = { service: { nodePort: 30089 } };
  });
}
