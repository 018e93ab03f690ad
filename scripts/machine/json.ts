/** JSON that others have written. */

/** What a JSON object says, or an empty one. */
// biome-ignore lint/suspicious/noExplicitAny: what another program says
export function parseObject(body: string): Record<string, any> {
  try {
    const value = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
