/** make tools: installs into .stand/bin what PATH lacks of the tools; names as arguments choose some. */

import { run, say } from '../machine/terminal.ts';
import { describeTool, findTools, installTools, toolFits } from '../machine/tools.ts';

run(async () => {
  const names = process.argv.slice(2);
  const failed = await installTools(names);
  for (const tool of await findTools(names)) if (toolFits(tool)) say(`✓ ${describeTool(tool)}`);
  if (failed.length > 0) process.exitCode = 1;
});
