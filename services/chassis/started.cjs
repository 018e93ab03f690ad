/**
 * Ends when the service of the working directory, which runs in development, has started from its sources as they are;
 * with status 1 when it doesn't start from them, which Tilt shows as a red row. The service itself says why.
 */
const { get } = require('node:http');
const { json } = require('node:stream/consumers');
const { setTimeout: sleep } = require('node:timers/promises');
const { hashSources } = require('./sources.cjs');

const POLL_MS = 50;
const LIMIT_MS = 20_000;

/** What the service says of itself, or what says it in its place; undefined while nobody does. */
function ask() {
  return new Promise((done) => {
    const url = `http://localhost:${process.env.PORT}/livez`;
    const request = get(url, { timeout: 1000 }, (answer) => json(answer).then(done, () => done()));
    request.once('timeout', () => request.destroy()).once('error', () => done());
  });
}

async function main() {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end; await sleep(POLL_MS)) {
    const state = await ask();
    if (state?.sources !== hashSources('.')) continue;
    if (state.status === 'up') return;
    process.exit(1);
  }
}

main();
