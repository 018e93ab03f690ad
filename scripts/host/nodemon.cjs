/**
 * nodemon in a service's folder, for the parent that forked this file: it gets nodemon's events as messages, and
 * a message 'restart' starts the service anew. When the parent goes, the service ends.
 * nodemon takes the clone's whole path for a pattern, so that in a folder such as `a[1]`, or below one of those that it
 * ignores by default, such as `coverage`, it never sees a save. Here only what is below the watched folders counts.
 */
const { relative, resolve, sep } = require('node:path');

// It would also read the developer's own ~/nodemon.json, which is about other programs.
const { HOME } = process.env;
delete process.env.HOME;
const nodemon = require('nodemon');
if (HOME) process.env.HOME = HOME;

const IGNORED = /^(node_modules|coverage|bower_components|__pycache__|\..+)$/;

/** The folder that an entry of `watch` names; of a pattern, the folder before it. */
const folderOf = (rule) => resolve(rule.replace(/[^/]*[*?{[].*$/, ''));

const isPattern = (rule) => /[*?{[]/.test(rule);
const isExclusion = (rule) => rule.startsWith('!');

nodemon({ quiet: true, ignoreRoot: [] }).on('config:update', (config) => {
  const { options } = config;
  config.dirs = options.watch.map(folderOf);
  const watched = options.watch.map((rule) => (isPattern(rule) ? rule : '**/*'));
  options.monitor = [...watched, ...options.monitor.filter(isExclusion)];
  options.watchOptions = { ...options.watchOptions, disableGlobbing: true, ignored: isIgnored };

  function isIgnored(path) {
    const root = config.dirs.find((dir) => path === dir || path.startsWith(dir + sep)) ?? path;
    return relative(root, path)
      .split(sep)
      .some((part) => IGNORED.test(part));
  }
});

nodemon.on('quit', () => nodemon.once('exit', () => process.exit()));

process.once('disconnect', () => {
  // nodemon would go on reporting.
  process.send = () => true;
  process.kill(-process.pid, 'SIGINT');
});
