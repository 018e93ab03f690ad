/**
 * Runs TypeScript in development: `node --require` this file. Every save waits for it: with Node's own type stripping
 * (from 22.18 on) a service takes a third longer to start, and twice as long with ts-node, which loads the whole compiler.
 */
const { readFileSync } = require('node:fs');
const { dirname, relative, resolve } = require('node:path');
const { stripVTControlCharacters } = require('node:util');
const { compile } = require('./compile.cjs');
const { hashSources } = require('./sources.cjs');

// Before the first of them is read: one that changes meanwhile makes this hash an old one, never the new one.
globalThis.__sources = hashSources('.');

// Stack traces show the lines of the sources, as a debugger does.
process.setSourceMapsEnabled(true);

require.extensions['.ts'] = (module, filename) => {
  const code = transform(readFileSync(filename, 'utf8'), filename);
  module._compile(withSources(code, dirname(filename)), filename);
};

/** Node.js loads no TypeScript for import(), or by its own rules: what is imported so from the sources is loaded here. */
function withSources(code, folder) {
  return code.replace(
    /\bimport\((['"])(\.{1,2}\/.*?\.ts)\1/g,
    (_, _quote, file) => `__importSource(${JSON.stringify(resolve(folder, file))}`,
  );
}

/** Gives what import() gives of a CommonJS module: https://nodejs.org/api/esm.html#commonjs-namespaces */
globalThis.__importSource = async (file) => {
  await undefined;
  const exports = require(file);
  return { ...exports, default: exports };
};

function transform(source, filename) {
  try {
    return compile(source, filename, { sourceMaps: 'inline' }).code;
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
