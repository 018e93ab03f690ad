/**
 * Makes CommonJS of TypeScript, for development (typescript.cjs) and for production (build.cjs), so that both run the
 * same. Strips the types, which `tsc` checks by tsconfig.json; decorators are the standard's.
 */
const { transformSync } = require('@swc/core');

/** @returns what swc makes of it, with its source map where `options` ask for one @throws with the fault, drawn */
exports.compile = (source, filename, { jsc, ...options } = {}) =>
  transformSync(source, {
    filename,
    swcrc: false,
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { decoratorVersion: '2023-11' },
      target: 'es2022',
      ...jsc,
    },
    // An import() stays one, as it is to Node.js and tsc: packages may be ES modules that require() can't load.
    // The annotation tells Node.js the names that such an import() gets.
    module: { type: 'commonjs', ignoreDynamic: true, exportInteropAnnotation: true },
    ...options,
  });
