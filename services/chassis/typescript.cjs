/**
 * Runs TypeScript in development: `node --require` this file. Every save waits for it: with Node's own type stripping
 * (from 22.18 on) a service takes a third longer to start, and twice as long with ts-node, which loads the whole compiler.
 */
const { readFileSync } = require('node:fs');
const { dirname, relative, resolve } = require('node:path');
const { inspect, stripVTControlCharacters } = require('node:util');
const { keepResolution } = require('./resolution.cjs');
const { hashSources } = require('./sources.cjs');
const { transpile } = require('./transpile.cjs');

// Before the first of them is read: one that changes meanwhile makes this hash an old one, never the new one.
globalThis.__sources = hashSources('.');

// Stack traces show the lines of the sources, as a debugger does.
process.setSourceMapsEnabled(true);

keepResolution(process.argv[1]);

require.extensions['.ts'] = (module, filename) => {
  module._compile(withSources(transform(filename), dirname(filename)), filename);
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

function transform(filename) {
  try {
    return transpile(filename);
  } catch ({ message }) {
    end(describeDrawing(message, relative('', filename)));
  }
}

/** File, line and fault, source and caret of the first fault that swc has drawn; the drawing where it isn't understood. */
function describeDrawing(message, file) {
  const drawing = stripVTControlCharacters(message).split(/\n+Caused by:/)[0];
  // In a terminal with ×, ╭─[, │ and ─.
  const [, fault, line, column] = /^ *[x×] (.+)\n *[,╭][-─]\[.*:(\d+):(\d+)\]$/m.exec(drawing) ?? [];
  const [, source, caret] = new RegExp(`^ *${line} [|│] (.*)(?:\n +[:·] ( *[\\^─┬]+).*)?$`, 'm').exec(drawing) ?? [];
  if (source === undefined) return `${file}: ${drawing}`;
  return `${file}:${line}: ${fault}\n${source}\n${caret?.replace(/[─┬]/g, '^') ?? `${' '.repeat(column - 1)}^`}`;
}

// What is thrown before the service listens for it, as while its modules are loaded: the same few lines.
process.once('uncaughtException', (thrown) => {
  if (process.listenerCount('uncaughtException') === 0) end(describe(thrown));
});

/** An error as Node.js shows it, without the frames of others, and before it the place and the source that it is about. */
function describe(thrown) {
  const shown = inspect(thrown).replace(/ \{$/m, '').replace(/\n\}$/, '');
  const [, title, below] = /^(.*?)((?:\n +at .*)?)$/s.exec(shown);
  const place = placeOf(below);
  const lost = placeOfImport(thrown, place);
  if (lost) return draw(lost, `${title.split('\n', 1)}${lost.advice}`);
  const text = place?.source ? draw(place, title) : title;
  return [text, ...below.split('\n').filter((line) => line && !isForeign(line))].map(shorten).join('\n');
}

const isForeign = (line) => /^\s+(at .*(\bnode:|\bnode_modules\/|\/typescript\.cjs:)|\.{3} )/.test(line);
const shorten = (line) => line.replaceAll(`${process.cwd()}/`, '').replaceAll(`${dirname(process.cwd())}/`, '../');

function draw({ file, line, column, source }, fault) {
  return `${relative('', file)}:${line}: ${fault}\n${source}\n${source.slice(0, column - 1).replace(/\S/g, ' ')}^`;
}

/** The first frame in the sources. */
function placeOf(frames) {
  const own = frames.split('\n').find((line) => !isForeign(line) && /\/.*:\d+:\d+\)?$/.test(line)) ?? '';
  const [, file, line, column] = /(\/.*):(\d+):(\d+)\)?$/.exec(own) ?? [];
  return file && { file, line, column, source: linesOf(file)[line - 1] };
}

/** Where a module is imported that is not there: no source map has the calls that swc makes of imports. */
function placeOfImport(thrown, place) {
  const { message, requireStack: [file = place?.file] = [] } = Object(thrown);
  const [, name] = /^(?:Cannot find module '|No such built-in module: )([^'\n]+)/.exec(message) ?? [];
  if (!name || !file) return undefined;
  const lines = linesOf(file);
  const index = lines.findIndex((line) => line.includes(`'${name}'`) || line.includes(`"${name}"`));
  const source = lines[index];
  return source && { file, line: index + 1, column: source.indexOf(name), source, advice: adviseOn(name, file) };
}

function adviseOn(name, file) {
  const [, service] = /.*\/(services\/[^/]+)\//.exec(file) ?? [];
  const [packageName] = /^(?:@[^/]+\/)?[^./:][^/:]*(?!.*:)/.exec(name) ?? [];
  return packageName && service ? ` (npm install ${packageName} -w ${service})` : '';
}

const linesOf = (file) => readFileSync(file, 'utf8').split('\n');

function end(words) {
  process.stderr.write(`${words}\n`);
  process.exit(1);
}
