/** A service as the templates make it: the same in every clone, whatever services a team has. */
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buildBaseImages, buildImage, NPMRC } from '../cluster/images.ts';
import { capture } from '../machine/command.ts';
import { copyTemplates } from '../services/templates.ts';

/** The service's name, and so the schema's. */
export const SAMPLE = 'sample';

/** Of the repository, what the image of any service is made of. */
const SOURCES = ['package.json', 'package-lock.json', '.dockerignore', NPMRC, 'services/chassis'];

/** Builds the released image of a service with a database, from a folder of its own. @throws with npm's or Docker's words */
export async function buildSample(image: string): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'sample-'));
  try {
    for (const path of SOURCES.filter((source) => existsSync(source)))
      cpSync(path, join(root, path), { recursive: true, filter: (file) => basename(file) !== 'node_modules' });
    copyTemplates(['service', 'database'], SAMPLE, join(root, 'services', SAMPLE));
    await capture('npm', ['--prefix', root, 'install', '--package-lock-only', '--no-audit', '--no-fund']);
    await buildBaseImages('');
    await buildImage(SAMPLE, image, '', root);
  } finally {
    rmSync(root, { recursive: true });
  }
}
