/** make docs: writes docs/values.md, docs/environments.md and the graph in README. */
import { writeDocuments } from '../chart/reference.ts';
import { run } from '../machine/terminal.ts';

run(writeDocuments);
