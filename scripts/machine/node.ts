/** Which Node.js the stand runs on: `engines` of package.json is the one home of that. */
import { readFileSync } from 'node:fs';
import { satisfies } from 'semver';

/** As npm writes it: '^20.19.0 || >=22.12.0'. */
const range = (): string => JSON.parse(readFileSync('package.json', 'utf8')).engines.node;

export const nodeFits = (version: string): boolean => satisfies(version, range());

/** '20.19, 22.12 or newer' */
export function wantedNode(): string {
  const versions = range()
    .split('||')
    .map((part) => /\d+(\.\d+)?/.exec(part)?.[0] ?? part);
  return `${versions.join(', ')} or newer`;
}
