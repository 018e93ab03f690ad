/**
 * What Tilt builds and deploys in development. A save changes no snapshot, so it is no reason to build or to deploy: it
 * goes into the running containers. What is newer becomes another image or command when the Tiltfile is read.
 */
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CHART } from '../facts/values.ts';
import { snapshot } from '../machine/snapshot.ts';

const MANIFESTS = ['package.json', 'package-lock.json'];
const IGNORES = '.dockerignore';

/** Helm, which Tilt runs when the images are built, so installs what those were built for. @returns its folder */
export function snapshotChart(): string {
  return snapshot('.stand/charts', (folder) => cpSync(CHART, folder, { recursive: true }));
}

/** The sources that the image of a Node.js service is made of. @returns their folder, for docker build */
export function snapshotSources(service: string): string {
  const ignored = readFileSync(IGNORES, 'utf8').split('\n');
  const folders = ['services/chassis', `services/${service}`];
  const files = [...MANIFESTS, ...folders.flatMap((folder) => filesOf(folder, ignored))];
  return snapshot('.stand/sources', (folder) => {
    for (const file of files) copy(file, join(folder, file));
  });
}

function filesOf(folder: string, ignored: string[]): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !ignored.includes(`**/${name}`));
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesOf(path, ignored) : path;
  });
}

function copy(file: string, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(file, target);
}
