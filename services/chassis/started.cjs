/**
 * Ends when the service of the working directory, which runs in development, has started from its sources as they are;
 * with status 1 when it doesn't start from them, which Tilt shows as a red row. The service itself says why.
 */
const { get } = require('node:http');
const { json } = require('node:stream/consumers');
const { setTimeout: sleep } = require('node:timers/promises');
const { hashSources } = require('./sources.cjs');

const POLL_MS = 200;
const LIMIT_MS = 20_000;

/** What a service says of itself, or what says it in its place; undefined while nobody does. */
function ask(port) {
  return new Promise((done) => {
    const request = get(`http://localhost:${port}/livez`, { timeout: 1000 }, (answer) =>
      json(answer).then(done, () => done()),
    );
    request.once('timeout', () => request.destroy()).once('error', () => done());
  });
}

/**
 * Waits until the service in a folder has started from its sources as they are, or has failed to.
 * @returns {Promise<boolean>} false only where it does not start from them; true also after LIMIT_MS
 */
async function starts(folder, port) {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(POLL_MS)) {
    const state = await ask(port);
    if (state?.sources === hashSources(folder)) return state.status === 'up';
  }
  return true;
}

if (require.main === module)
  starts('.', process.env.PORT).then((doesStart) => {
    process.exitCode = doesStart ? 0 : 1;
  });

module.exports = { starts };
