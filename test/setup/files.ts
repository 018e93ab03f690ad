import { readFileSync, writeFileSync } from 'node:fs';

/** Changes a file for the time of `work`. */
export async function whileEdited(
  file: string,
  edit: (text: string) => string,
  work: () => Promise<void>,
): Promise<void> {
  const original = readFileSync(file, 'utf8');
  writeFileSync(file, edit(original));
  try {
    await work();
  } finally {
    writeFileSync(file, original);
  }
}
