/** make docs: writes docs/values.md, docs/environments.md, the graph in README, .vscode/launch.json and each service's openapi.json. */
import { writeDocuments } from '../chart/reference.ts';
import { run } from '../machine/terminal.ts';

run(writeDocuments);
