/**
 * Runs TypeScript in development: `node --require` this file. Strips the types, which `tsc` checks, and makes CommonJS
 * of the rest, as the build for production does. Every save waits for it: with Node's own type stripping (from 22.18
 * on) a service takes a third longer to start, and twice as long with ts-node, which loads the whole compiler.
 */
const { readFileSync } = require('node:fs');
const { relative } = require('node:path');
const { stripVTControlCharacters } = require('node:util');
const { transformSync } = require('@swc/core');

const options = {
  swcrc: false,
  jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
  module: { type: 'commonjs' },
  sourceMaps: 'inline',
};

// Stack traces show the lines of the sources, as a debugger does.
process.setSourceMapsEnabled(true);

require.extensions['.ts'] = (module, filename) => {
  const source = readFileSync(filename, 'utf8');
  module._compile(transform(source, filename), filename);
};

function transform(source, filename) {
  try {
    return transformSync(source, { filename, ...options }).code;
  } catch ({ message }) {
    process.stderr.write(`${describe(message, relative('', filename))}\n`);
    process.exit(1);
  }
}

/** File, line and fault, source and caret of the first fault that swc has drawn; the drawing where it isn't understood. */
function describe(message, file) {
  const drawing = stripVTControlCharacters(message).split(/\n+Caused by:/)[0];
  // In a terminal with ×, ╭─[, │ and ─.
  const [, fault, line, column] = /^ *[x×] (.+)\n *[,╭][-─]\[.*:(\d+):(\d+)\]$/m.exec(drawing) ?? [];
  const [, source, caret] = new RegExp(`^ *${line} [|│] (.*)(?:\n +[:·] ( *[\\^─┬]+).*)?$`, 'm').exec(drawing) ?? [];
  if (source === undefined) return `${file}: ${drawing}`;
  return `${file}:${line}: ${fault}\n${source}\n${caret?.replace(/[─┬]/g, '^') ?? `${' '.repeat(column - 1)}^`}`;
}
