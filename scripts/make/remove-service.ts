/** make remove-service NAME=payments: a service, or what is left of one. Asks first; YES=1 answers. */
import { writeDocuments } from '../chart/reference.ts';
import { argument } from '../facts/arguments.ts';
import { confirm, run } from '../machine/terminal.ts';
import { readEntries, VALUES } from '../services/list.ts';
import { checkName } from '../services/names.ts';
import { format, install } from '../services/packages.ts';
import { callersOf, removableParts, takeOut } from '../services/remove.ts';

run(async () => {
  const name = argument('NAME');
  checkName(name);
  const parts = removableParts(name);
  const users = callersOf(name, 'uses');
  const uses = users.length > 0 ? ` and from uses of ${users.join(' and ')}` : '';
  if (!(await confirm(`Delete ${name} from ${parts.join(', ')}${uses}? What git does not have of it is lost.`))) return;

  const hasData = readEntries(VALUES).get(name)?.database?.enabled;
  takeOut(name);
  install();
  await writeDocuments();
  // Of those that called it, imports have changed.
  format('services');
  console.log(`✓ ${name} is gone`);
  if (hasData) console.log(`  Its data stays where it is; in psql this deletes it: drop schema "${name}" cascade;`);
});
