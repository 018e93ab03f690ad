/** Sends the process that has started this one the documents of all services' APIs; see openapi.ts. */
import { Fault } from '../machine/terminal.ts';
import { readDocuments } from './openapi.ts';

readDocuments().then(
  (texts) => process.send?.({ texts }),
  (error) =>
    process.send?.({
      fault: String(error?.message ?? error),
      remedy: error instanceof Fault ? error.remedy : undefined,
    }),
);
