/**
 * node watch.cjs FOLDER: runs a program under our nodemon in FOLDER/services/one, with the settings of the
 * services, saves its source, and exits 0 once it has been started again.
 */
const { fork } = require('node:child_process');
const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { join, resolve } = require('node:path');

const folder = join(process.argv[2], 'services/one');
const source = join(folder, 'src/server.ts');
const settings = JSON.parse(readFileSync('templates/service/nodemon.json', 'utf8'));

mkdirSync(join(folder, 'src'), { recursive: true });
mkdirSync(join(folder, '../chassis/src'), { recursive: true });
writeFileSync(source, '');
writeFileSync(
  join(folder, 'nodemon.json'),
  JSON.stringify({ ...settings, exec: 'exec node -e "setInterval(() => {}, 1e6)"' }),
);

let starts = 0;
const runner = fork(resolve('services/chassis/nodemon.cjs'), {
  cwd: folder,
  env: { ...process.env, PORT: '0' },
  detached: true,
});
// The watcher may be ready a moment after the first start, so the save is repeated.
const timer = setInterval(() => starts > 0 && writeFileSync(source, `// ${Date.now()}`), 300);
runner.on('message', ({ type }) => {
  if (type !== 'start' || ++starts < 2) return;
  clearInterval(timer);
  process.kill(-runner.pid, 'SIGKILL');
  process.exit(0);
});
