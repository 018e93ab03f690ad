/** Redocly's rules for OpenAPI documents: https://redocly.com/docs/cli/rules */
import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';

/** What an API says is the team's; an API without authentication and without a licence is allowed. */
const RULES = { 'info-license': 'off', 'security-defined': 'off', 'no-unused-components': 'off' } as const;

/** @returns what is wrong with the document in a file, and where */
export async function lint(file: string): Promise<string[]> {
  const config = await createConfig({ extends: ['recommended'], rules: RULES });
  const problems = await lintFromString({ source: readFileSync(file, 'utf8'), absoluteRef: file, config });
  return problems.map(({ location, message }) => `${location[0]?.pointer}: ${message}`);
}
