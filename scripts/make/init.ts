/** make init NAME=acme [KEEP_SHOP=1]: makes this clone a team's own, once. Commits nothing. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { hasSharers } from '../cluster/cluster.ts';
import { freeSlot } from '../cluster/slots.ts';
import { argument, flagArgument } from '../facts/arguments.ts';
import { readNames } from '../facts/names.ts';
import { DATA, STATE } from '../host/state.ts';
import { checkClone, checkStandName } from '../init/checks.ts';
import { makeOwn } from '../init/own.ts';
import { checkShopUnneeded } from '../init/shop.ts';
import { hasContainer } from '../machine/engine.ts';
import { confirm, run, say } from '../machine/terminal.ts';

run(async () => {
  const name = argument('NAME');
  const keepShop = flagArgument('KEEP_SHOP');
  await checkClone();
  checkStandName(name);
  if (!keepShop) checkShopUnneeded();
  if (existsSync(DATA) && !(await confirm(`Delete the data of host mode in ${DATA}?`))) return;

  const { name: before, cluster, node, registry } = readNames();
  const hasCluster = await hasContainer(node);
  const isShared = await hasSharers();
  say(`Making this clone ${name} …`);
  await makeOwn(name, keepShop);
  await freeSlot();
  rmSync(DATA, { recursive: true, force: true });
  if (existsSync(STATE)) renameSync(STATE, `.${name}`);
  say(`✓ This clone is ${name}. Nothing is committed yet: git status and git diff show what has changed.`);
  if (hasCluster) {
    say(
      `! The cluster of ${before} is still there, on the ports that ${name} will need. This deletes it, with its data:`,
    );
    const registryToo = isShared ? '' : ` && docker rm --force ${registry.name}`;
    say(`  kind delete cluster --name ${cluster}${registryToo}`);
  }
  say('  Next: make test, git add --all && git commit, make dev');
});
