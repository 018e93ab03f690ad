/**
 * .vscode/launch.json: for each service on the chassis how VS Code attaches to its debugger, in each mode, and one entry
 * that attaches to all. https://code.visualstudio.com/docs/debugtest/debugging-configuration
 */
import { existsSync } from 'node:fs';
import { inspectorPortInSlot0 } from '../facts/ports.ts';
import type { ServiceValues } from '../facts/values.ts';

export const LAUNCH_FILE = '.vscode/launch.json';

/** Of biome.json, which lays out this file as well. */
const LINE_WIDTH = 120;
const INDENT = 6;

interface Attachable {
  name: string;
  port: number;
}

/** Where the sources are for who runs them, beside where they are here. */
const MODES = {
  'in the cluster': [`"localRoot": "\${workspaceFolder}"`, '"remoteRoot": "/app"'],
  'on this machine': [],
};

/** The file's text. */
export function launchFile(services: Record<string, ServiceValues>): string {
  const attachable = Object.entries(services)
    .filter(([name]) => existsSync(`services/${name}/package.json`))
    .map(([name, { port }]) => ({ name, port: inspectorPortInSlot0(port) }));
  const modes = Object.entries(MODES);
  const entries = modes.flatMap(([where, roots]) => attachable.map((service) => entry(service, where, roots)));
  return `// Made by \`make docs\` from helm/app/values.yaml, for \`make dev\`, in host mode or with \`LOCAL=…\` "on this machine". A
// service on port 8080 + n listens for a debugger on 9229 + n, and in a further slot 100 higher.
{
  "version": "0.2.0",
  "configurations": ${list(entries)},
  "compounds": ${list(modes.map(([where]) => compound(attachable, where)))}
}
`;
}

const list = (items: string[]): string => (items.length > 0 ? `[\n${items.join(',\n')}\n  ]` : '[]');

const entry = ({ name, port }: Attachable, where: string, roots: string[]): string =>
  object([
    `"name": "${name} ${where}"`,
    '"type": "node"',
    '"request": "attach"',
    `"port": ${port}`,
    '"restart": true',
    '"skipFiles": ["<node_internals>/**", "**/node_modules/**"]',
    ...roots,
  ]);

const compound = (services: Attachable[], where: string): string => {
  const names = services.map(({ name }) => `"${name} ${where}"`);
  const line = `"configurations": [${names.join(', ')}]`;
  const lines = `"configurations": [\n        ${names.join(',\n        ')}\n      ]`;
  return object([`"name": "all ${where}"`, INDENT + line.length > LINE_WIDTH ? lines : line]);
};

const object = (lines: string[]): string => `    {\n${lines.map((line) => `      ${line}`).join(',\n')}\n    }`;
