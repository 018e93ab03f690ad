/**
 * What Tilt's row `starts` runs after a save: starts-row.cjs FOLDER NAME:PORT …. Where one of these services does not
 * start from the sources as they are, writes FOLDER/NAME, which Tilt brings into its container to ask there once more: so
 * it is the service's row that is red. In plain JavaScript, as the compiler would take longer to load than all of it.
 */
const { mkdirSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { starts } = require('../../services/chassis/started.cjs');

const [folder, ...services] = process.argv.slice(2);

async function check(service) {
  const [name, port] = service.split(':');
  if (await starts(`services/${name}`, port)) return;
  console.log(`✗ ${name} does not start: its row says why`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), new Date().toISOString());
}

services.forEach(check);
