/** What new services are made of: each folder of templates/ holds files with the word NAME in their paths and texts. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** `hello` is the service that `make init` puts in the shop's place. */
export type Template = 'service' | 'database' | 'hello';

/** Writes templates with a service's name into its folder, each over those before it. */
export function copyTemplates(templates: Template[], name: string, folder: string): void {
  for (const template of templates) copyTemplate(`templates/${template}`, name, folder);
}

function copyTemplate(template: string, name: string, folder: string): void {
  // Not \bNAME\b, for which the _ of 0001_NAME.sql belongs to the word.
  const named = (text: string): string => text.replace(/(?<![A-Z])NAME(?![A-Z])/g, name);
  for (const path of readdirSync(template, { recursive: true, encoding: 'utf8' })) {
    const source = join(template, path);
    if (statSync(source).isFile()) write(join(folder, named(path)), named(readFileSync(source, 'utf8')));
  }
}

export function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
