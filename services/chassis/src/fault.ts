import { format } from 'node:util';

/** What whoever runs the service can mend: the message says all there is to say, and a stack would only hide it. */
export class Fault extends Error {}

/** What was thrown, which may be anything. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(format('%s', thrown));
}
