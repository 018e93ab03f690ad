/** What a machine brings along and tests must not depend on. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Who runs the tests may want colours, with FORCE_COLOR or as a CI, of which mocha thinks that it does. What the tests
// start, and compare what it says, must have none.
for (const name of ['FORCE_COLOR', 'CI', 'MOCHA_COLORS']) delete process.env[name];

/** No clone of this machine has a slot here, nor does this one: all have the names and ports of slot 0. */
process.env.XDG_STATE_HOME = join(tmpdir(), `stand-test-${process.pid}`, 'state');
