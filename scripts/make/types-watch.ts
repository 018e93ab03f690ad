/**
 * Checks types as `tsc --noEmit --watch` does, but waits until a save is served: checking takes a core, and the service
 * that restarts wants it more.
 */
import ts from 'typescript';

const QUIET_MS = 3000;

const system: ts.System = {
  ...ts.sys,
  // The compiler asks for this once per burst of changes, and again when another follows.
  setTimeout: (check, ms, ...args) => setTimeout(check, ms + QUIET_MS, ...args),
};
const options: ts.CompilerOptions = { noEmit: true, preserveWatchOutput: true };
ts.createWatchProgram(
  ts.createWatchCompilerHost('tsconfig.json', options, system, ts.createSemanticDiagnosticsBuilderProgram),
);
