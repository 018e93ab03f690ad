/** make clean: deletes the cluster and its registry, with all data, and frees the slot of this clone. */
import { existsSync } from 'node:fs';
import { APPLIED_FILE, deleteCluster } from '../cluster/cluster.ts';
import { freeSlot } from '../cluster/slots.ts';
import { OWN_SLOT } from '../facts/slot.ts';
import { refuseSecondRun } from '../host/state.ts';
import { findEngine, isEngine } from '../machine/engine.ts';
import { run } from '../machine/terminal.ts';

run(async () => {
  refuseSecondRun();
  // What has run in host mode alone may well be on a machine without Docker.
  const hasNoCluster = existsSync(OWN_SLOT) && !existsSync(APPLIED_FILE);
  if (!hasNoCluster || isEngine(await findEngine())) await deleteCluster();
  await freeSlot();
});
