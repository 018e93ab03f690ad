/** Files that say which process may go on. Plain JavaScript, because install.cjs runs before anything is installed. */
const { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { dirname } = require('node:path');

const WRITTEN_MS = 1000;

/** Whether this process has it now. What a dead one has left behind is taken away, for the next try. */
function takeLock(file) {
  mkdirSync(dirname(file), { recursive: true });
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') {
      // As on a full disk, where it is there all the same.
      rmSync(file, { force: true });
      throw error;
    }
    if (!isHeld(file)) rmSync(file, { force: true });
    return false;
  }
}

function isHeld(file) {
  try {
    const pid = Number(readFileSync(file, 'utf8'));
    // Empty until it is written, which takes a moment.
    return pid > 0 ? process.kill(pid, 0) : Date.now() - statSync(file).mtimeMs < WRITTEN_MS;
  } catch (error) {
    return error.code === 'EPERM'; // Another user's process.
  }
}

module.exports = { takeLock };
