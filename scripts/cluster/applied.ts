/**
 * Ends when the release has the chart as it is now, or its row is red: a step of the Tiltfile. Tilt forgets a changed
 * release when a live update starts before helm does, as when git changes values and sources at once; then it is told
 * again. https://github.com/tilt-dev/tilt/blob/v0.37.6/internal/store/buildcontrols/reducers.go: HandleBuildCompleted
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { folderOf } from '../chart/snapshot.ts';
import { readNames } from '../facts/names.ts';
import { capture } from '../machine/command.ts';
import { run } from '../machine/terminal.ts';
import { helm } from './commands.ts';

const ROW = 'release';
const { namespace, release } = readNames();

run(async () => {
  for (;;) {
    const status = await capture('tilt', ['get', 'uiresource', ROW, '--output', 'jsonpath={.status.updateStatus}']);
    if (status === 'error') return;
    if (status === 'ok') {
      if ((await appliedChart()) === folderOf()) return;
      await capture('tilt', ['trigger', ROW]);
    }
    await sleep(1000);
  }
});

/** The Tiltfile has helm note it as the release's description. */
async function appliedChart(): Promise<string> {
  const { info } = JSON.parse(await helm(namespace, ['status', release, '--output', 'json']));
  return info.description;
}
