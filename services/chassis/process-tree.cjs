/**
 * How nodemon finds what a process has started, to end that with it: twice in each restart, and for that it runs ps, or
 * where there is none, as in the image, a program for each process there is. Linux tells it without any.
 */
const { existsSync, readdirSync, readFileSync } = require('node:fs');
const { dirname } = require('node:path');
const { orElse } = require('./sources.cjs');

const childrenFile = (pid, thread) => `/proc/${pid}/task/${thread}/children`;

/** Has nodemon, which is still to be loaded, ask Linux. */
exports.askLinux = () => {
  if (!existsSync(childrenFile(process.pid, process.pid))) return;
  const nodemon = dirname(require.resolve('nodemon'));
  const file = require.resolve('pstree.remy', { paths: [nodemon] });
  require(file);
  require.cache[file].exports = (pid, done) => done(null, descendants(pid));
};

/** None of one that has ended. */
function descendants(pid) {
  const threads = orElse([], () => readdirSync(`/proc/${pid}/task`));
  const lists = threads.map((thread) => orElse('', () => readFileSync(childrenFile(pid, thread), 'utf8')));
  const children = lists.join(' ').split(' ').filter(Boolean);
  return children.flatMap((child) => [child, ...descendants(child)]);
}
