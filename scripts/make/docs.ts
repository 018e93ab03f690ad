/** make docs: writes docs/values.md and docs/environments.md. */
import { writeFileSync } from 'node:fs';
import { generate } from '../chart/reference.ts';
import { run } from '../machine/terminal.ts';

run(() => {
  for (const [file, text] of Object.entries(generate())) writeFileSync(file, text);
});
