/**
 * What the APIs of the working tree break against a git revision, and whom. oasdiff judges; where the repository has an
 * .oasdiff.yaml, by the team's own rules.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { findCommit } from '../chart/difference.ts';
import { CHART, loadDefaults } from '../facts/values.ts';
import { capture } from '../machine/command.ts';
import { Fault } from '../machine/terminal.ts';
import { documentFile, openapiDocuments } from './openapi.ts';

/** A service's values, as far as they say who calls it. */
interface Entry {
  needs?: string[];
  uses?: string[];
  ingress?: { enabled?: boolean };
  httpRoute?: { enabled?: boolean };
}
type Entries = [name: string, entry: Entry][];

/** Of one operation, or of a section that all have in common. */
interface Change {
  text: string;
  level: number;
  operation?: string;
  path?: string;
  section: string;
}

interface Judgement {
  changes: Change[];
  /** The version says that something breaks: the major one was raised, or of 0.x the minor one. */
  isAnnounced: boolean;
  /** What info.version says, in words. */
  verdict: string;
}

interface Report {
  name: string;
  lines: string[];
  isUnannounced: boolean;
}

/** oasdiff's level of what breaks perhaps; what certainly does is above. */
const WARNING = 2;
/** In the place of a document that is gone. */
const NOTHING = JSON.stringify({ openapi: '3.1.1', info: { title: 'gone', version: '0.0.0' }, paths: {} });

/**
 * Prints what changes, and whom it breaks.
 * @throws {Fault} when something breaks that is not announced, or git has no such revision
 */
export async function tellApis(revision: string): Promise<void> {
  const reports = await compareApis(revision);
  const lines = reports.flatMap((report) => report.lines);
  console.log(lines.join('\n') || `no API differs from ${revision}`);
  const unannounced = reports.filter(({ isUnannounced }) => isUnannounced).map(({ name }) => name);
  if (unannounced.length > 0)
    throw new Fault(
      `Something breaks and is not announced: ${unannounced.join(', ')}`,
      'Keep what was there, or raise the major version in api({ title, version }), of 0.x the minor one.',
    );
}

async function compareApis(revision: string): Promise<Report[]> {
  const commit = await findCommit(revision);
  const [before, entries, now] = await Promise.all([documentsAt(commit), entriesAt(commit), documentsNow()]);
  const names = [...new Set([...before, ...now.keys()])].sort();
  return Promise.all(
    names.map(async (name): Promise<Report> => {
      if (!before.includes(name)) return { name, lines: [`${name} is new`], isUnannounced: false };
      const callers = callersOf(name, entries);
      const base = `${commit}:${documentFile(name)}`;
      const document = now.get(name);
      return document === undefined
        ? reportGone(name, callers, await judge(name, base, NOTHING))
        : report(name, callers, await judge(name, base, document));
    }),
  );
}

/** The services that have a document there. */
async function documentsAt(commit: string): Promise<string[]> {
  const files = await listFiles(commit, 'services/');
  return files.flatMap((file) => /^services\/([^/]+)\/openapi\.json$/.exec(file)?.[1] ?? []);
}

/** By service, as the routes say it now, which make docs may still have to write; else as the service brings it along. */
async function documentsNow(): Promise<Map<string, string>> {
  const ofRoutes = await openapiDocuments();
  const names = Object.keys(loadDefaults().services);
  const texts = names.flatMap((name): [string, string][] => {
    const file = documentFile(name);
    const text = file in ofRoutes ? ofRoutes[file] : existsSync(file) && readFileSync(file, 'utf8');
    return text ? [[name, text]] : [];
  });
  return new Map(texts);
}

/** Of all environments. */
async function entriesAt(commit: string): Promise<Entries> {
  const files = (await listFiles(commit, `${CHART}/`)).filter((file) => /\/values(-[\w-]+)?\.yaml$/.test(file));
  const texts = await Promise.all(files.map((file) => capture('git', ['show', `${commit}:${file}`])));
  const entries = texts.flatMap((text) => Object.entries<Entry | null>(parse(text)?.services ?? {}));
  return entries.map(([name, entry]) => [name, entry ?? {}]);
}

const listFiles = async (commit: string, folder: string): Promise<string[]> =>
  (await capture('git', ['ls-tree', '-r', '--name-only', commit, folder])).split('\n');

/** As the revision has them: they were written against what the API was there. */
function callersOf(name: string, entries: Entries): string[] {
  const callers = entries.flatMap(([caller, { needs = [], uses = [] }]) =>
    [...needs, ...uses].includes(name) ? caller : [],
  );
  const isPublic = entries.some(
    ([other, { ingress, httpRoute }]) => other === name && (ingress?.enabled || httpRoute?.enabled),
  );
  return [...new Set(callers), ...(isPublic ? ['whoever comes from outside'] : [])];
}

/** @throws {Fault} with oasdiff's words when it can't */
async function judge(name: string, base: string, document: string): Promise<Judgement> {
  const { isGood, stdout, stderr } = await askOasdiff(base, document);
  if (!stdout) throw new Fault(`${documentFile(name)} can't be compared: ${stderr.trim()}`);
  const [, verdict = ''] = /^versioning policy: [^.]+\. (.*)\.$/m.exec(stderr) ?? [];
  return { changes: JSON.parse(stdout), isAnnounced: isGood, verdict };
}

/** It reads the base from git, and fails when something breaks that info.version does not announce. */
function askOasdiff(base: string, document: string): Promise<{ isGood: boolean; stdout: string; stderr: string }> {
  const args = ['changelog', '--format=json', '--level=INFO', '--fail-on=MISSING-VERSION-BUMP', base, '-'];
  return new Promise((done) => {
    const child = execFile('oasdiff', args, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
      done({ isGood: !error, stdout, stderr }),
    );
    child.stdin?.on('error', () => {}).end(document);
  });
}

function report(name: string, callers: string[], { changes, isAnnounced, verdict }: Judgement): Report {
  const breaks = linesOf(changes.filter(({ level }) => level >= WARNING));
  const others = linesOf(changes.filter(({ level }) => level < WARNING));
  const whom = callers.join(', ') || 'whoever calls it';
  const lines = [
    ...(breaks.length > 0 ? [`${name} breaks ${whom}, and ${verdict}:`, ...breaks] : []),
    ...(others.length > 0 ? [`${name} changes without a break:`, ...others] : []),
  ];
  return { name, lines, isUnannounced: !isAnnounced };
}

/** No version is left to announce it: its callers go first. */
function reportGone(name: string, callers: string[], { changes }: Judgement): Report {
  const breaks = linesOf(changes.filter(({ level }) => level >= WARNING));
  if (breaks.length === 0 || callers.length === 0)
    return { name, lines: [`${name} is gone, which breaks nobody`], isUnannounced: false };
  return { name, lines: [`${name} is gone, which breaks ${callers.join(', ')}:`, ...breaks], isUnannounced: true };
}

/** A line for each text: what all operations have in common changes in each of them. */
function linesOf(changes: Change[]): string[] {
  const places = new Map<string, string[]>();
  for (const { text, level, operation, path, section } of changes) {
    const line = level === WARNING ? `${text} (perhaps)` : text;
    places.set(line, [...(places.get(line) ?? []), operation ? `${operation} ${path}` : section]);
  }
  return [...places].map(([line, all]) => `  ${[...new Set(all)].join(', ')}: ${line}`);
}
