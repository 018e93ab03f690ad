/**
 * The environment of a service's process: what a program needs to run on this machine, and nothing else that the shell
 * brings along. PGSSLMODE, NODE_OPTIONS or HTTP_PROXY there are about other programs.
 */
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TZ', 'TMPDIR', 'TERM', 'NO_COLOR'];

/** `variables` on top of what is passed on. */
export function serviceEnvironment(variables: Record<string, string>): Record<string, string> {
  const passed = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...Object.fromEntries(passed), ...variables };
}
