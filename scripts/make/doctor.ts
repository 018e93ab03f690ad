/** make doctor: what this machine has and lacks for make dev, one line per fact, the fix below it. Exit code 1 for a ✗. */
import { gatherFacts } from '../doctor/facts.ts';
import { judge } from '../doctor/judgement.ts';
import { run } from '../machine/terminal.ts';

run(async () => {
  const findings = judge(await gatherFacts());
  for (const { mark, text, fix } of findings) console.log(`${mark} ${text}${fix ? `\n  ${fix}` : ''}`);
  process.exitCode = findings.some(({ mark }) => mark === '✗') ? 1 : 0;
});
