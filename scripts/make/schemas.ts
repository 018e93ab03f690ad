/** make schemas: writes helm/schemas, from what the running cluster says of its kinds. */
import { writeFileSync } from 'node:fs';
import { generateSchemas } from '../chart/schemas.ts';
import { run, say } from '../machine/terminal.ts';
import { needTools } from '../machine/tools.ts';

run(async () => {
  needTools('kubectl');
  for (const [file, content] of Object.entries(await generateSchemas())) {
    writeFileSync(file, `${content}\n`);
    say(`${file}: ${Math.ceil(content.length / 1024)} KiB`);
  }
});
