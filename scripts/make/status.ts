/**
 * make status [JSON=1]: what each service is doing and why one is not ready, as a table or as JSON (docs/status.md).
 * Exit code 0 only when all is ready, by the sources as they are on disk.
 */
import { flagArgument } from '../facts/arguments.ts';
import { run } from '../machine/terminal.ts';
import { findStatus } from '../status/status.ts';
import { renderStatus } from '../status/table.ts';

run(async () => {
  const asJson = flagArgument('JSON');
  const status = await findStatus();
  console.log(asJson ? JSON.stringify(status, undefined, 2) : renderStatus(status));
  process.exitCode = status.ready ? 0 : 1;
});
