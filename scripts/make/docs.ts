/** make docs: writes docs/values.md and docs/environments.md. */
import { writeDocuments } from '../chart/reference.ts';
import { run } from '../machine/terminal.ts';

run(writeDocuments);
