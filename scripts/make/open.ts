/** make open [SERVICE=orders]: shows the page of the first service, or of this one, in the browser. */
import { listArgument } from '../facts/arguments.ts';
import { hostPort } from '../facts/ports.ts';
import { perform, which } from '../machine/command.ts';
import { Fault, run } from '../machine/terminal.ts';
import { chooseServices, findRunning } from '../status/running.ts';

/** Of the desktop: https://www.freedesktop.org/wiki/Software/xdg-utils/ */
const PROGRAM = process.platform === 'darwin' ? 'open' : 'xdg-open';

run(async () => {
  const running = await findRunning();
  const [name = ''] = chooseServices(running, listArgument('SERVICE'));
  const url = `http://localhost:${hostPort(running.values.services[name]?.port ?? 0)}`;
  if (!running.runs) throw new Fault('Nothing of the stand runs', 'Start it: make dev');
  if (!which(PROGRAM)) throw new Fault(`Nothing here opens a browser: ${PROGRAM} is missing`, `The page is ${url}`);
  await perform(PROGRAM, url);
});
