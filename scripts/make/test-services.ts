/** make test SERVICE="web payments": these services' own tests alone; exits as mocha does. */
import { listArgument } from '../facts/arguments.ts';
import { run } from '../machine/terminal.ts';
import { checkTests, runTests } from '../services/tests.ts';

run(() => {
  const services = listArgument('SERVICE');
  checkTests(services);
  runTests(services);
});
