/**
 * What stands on make's command line. The Makefile lists and explains the names and hands them over as variables; here
 * they are taken out of the environment, where children would take such names as ENV or DEBUG for theirs.
 */
const NAMES = [
  ...['ENV', 'SERVICES', 'MODE', 'YES', 'DEBUG', 'NAME', 'DATABASE', 'DB', 'VERSION', 'REGISTRY', 'PLATFORM'],
  ...['CONTEXT', 'NAMESPACE', 'RELEASE', 'VALUES', 'TIMEOUT', 'KEEP_SHOP', 'KEEP', 'MINUTES', 'BENCH_SERVICE'],
  ...[
    'SERVICE',
    'JSON',
    'REQUEST',
    'TRACE',
    'LEVEL',
    'SINCE',
    'FOLLOW',
    'TRACES',
    'TESTS',
    'LOCAL',
    'BASE',
    'SLOT',
    'EDIT',
  ],
  ...['FROM', 'TO', 'DELAY', 'REFUSE', 'ANSWER', 'CUT', 'CLEAR'],
] as const;
export type ArgumentName = (typeof NAMES)[number];

const given = Object.fromEntries(NAMES.map((name) => [name, process.env[name] ?? '']));
for (const name of NAMES) delete process.env[name];

/** Empty when it was not given. */
export const argument = (name: ArgumentName): string => given[name]?.trim() ?? '';

/** A list, such as SERVICES="web payments"; each once. */
export const listArgument = (name: ArgumentName): string[] => [...new Set(argument(name).split(/\s+/).filter(Boolean))];

/**
 * A switch such as TRACES=1; `otherwise` is what nothing means.
 * @throws with a sentence when it is anything but 1, 0 or nothing
 */
export function flagArgument(name: ArgumentName, otherwise = false): boolean {
  const value = argument(name);
  if (!['', '0', '1'].includes(value)) throw new Error(`${name} is ${otherwise ? 0 : 1} or nothing, not ${value}`);
  return value === '' ? otherwise : value === '1';
}
