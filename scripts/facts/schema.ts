/** The chart's schema of its values, for host mode: in the cluster helm checks them by itself. */
import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import { CHART, type Values } from './values.ts';

const SCHEMA = `${CHART}/values.schema.json`;

/** @throws with a sentence that says which value is wrong, and why */
export function checkSchema(values: Values): void {
  const ajv = new Ajv({ strict: false });
  if (!ajv.validate(JSON.parse(readFileSync(SCHEMA, 'utf8')), values))
    throw new Error(`By ${SCHEMA}, ${(ajv.errors ?? []).map(describe).join(', ')}`);
}

/** As helm says it: at '/services/web/port': … */
function describe({ instancePath, message, keyword, params }: ErrorObject): string {
  const detail = { additionalProperties: params.additionalProperty, enum: params.allowedValues?.join(', ') }[
    keyword as string
  ];
  return `at '${instancePath}': ${message}${detail ? `: ${detail}` : ''}`;
}
