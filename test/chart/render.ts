/** The chart as helm renders it: what the tests of this folder look at. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse, parseAllDocuments } from 'yaml';
import { readNames } from '../../scripts/facts/names.ts';
import { environments } from '../../scripts/facts/values.ts';
import { fixtureCopy } from '../setup/fixture.ts';

export const { release: RELEASE, namespace: NAMESPACE } = readNames();
const SCHEMAS = 'helm/schemas/{{ .ResourceKind }}{{ .KindSuffix }}.json';

export const ENVIRONMENTS = environments();

const copy = fixtureCopy();
// Files of tests that run in one process, one after the other, share this module.
process.once('exit', () => copy.remove());
/** The chart with the services of the fixture stand, so that these tests hold whichever services a team has. */
export const CHART = copy.at('helm/app');

interface ServiceValues {
  port: number;
  image: { repository: string };
  testCommand?: string[];
  needs?: string[];
  uses?: string[];
  database?: { enabled: boolean };
}

export const readYaml = (file: string) => parse(readFileSync(file, 'utf8'));

export const VALUES = readYaml(`${CHART}/values.yaml`);
/** The list of services, by name. */
export const SERVICES: Record<'front' | 'store' | 'clock', ServiceValues> & Record<string, ServiceValues> =
  VALUES.services;
export const NAMES = Object.keys(SERVICES);

export interface Container {
  name: string;
  image: string;
  command?: string[];
  args?: string[];
  env?: { name: string; value?: string; valueFrom?: object }[];
  ports?: { containerPort: number; hostPort?: number }[];
  volumeMounts?: { name: string; mountPath: string; readOnly?: boolean }[];
  securityContext: SecurityContext;
  resources: Record<'requests' | 'limits', Record<string, string | number>>;
  [probe: `${string}Probe`]: Probe | undefined;
}

interface Probe {
  httpGet: { path: string; port: string };
  failureThreshold: number;
  timeoutSeconds?: number;
}

export interface SecurityContext {
  runAsNonRoot?: boolean;
  runAsUser?: number;
  runAsGroup?: number;
  fsGroup?: number;
  privileged?: boolean;
  allowPrivilegeEscalation?: boolean;
  readOnlyRootFilesystem?: boolean;
  capabilities?: { drop?: string[]; add?: string[] };
  seccompProfile?: { type: string };
}

export interface SecretVolume {
  secretName: string;
  items?: { key: string; path: string }[];
}

export interface PodSpec {
  hostNetwork?: boolean;
  hostPID?: boolean;
  hostIPC?: boolean;
  securityContext: SecurityContext;
  initContainers?: Container[];
  containers: Container[];
  volumes?: { name: string; secret?: SecretVolume; emptyDir?: object; [type: string]: unknown }[];
}

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; labels: Record<string, string>; annotations?: Record<string, string> };
  // biome-ignore lint/suspicious/noExplicitAny: one shape per kind; kubeconform proves the shapes, the tests the values
  spec: any;
}

export interface Options {
  /** Which values-ENVIRONMENT.yaml. */
  environment?: string;
  /** What lies on top of the environment's values. */
  values?: object;
  /** serviceDefaults.image.tag, as each deployment sets it; null leaves it to the values. */
  tag?: string | null;
  /** Where the chart and its values files are. */
  folder?: string;
  /** The chart as a package. */
  chart?: string;
  /** The name of the release and of its namespace. */
  release?: string;
}

function helmTemplate(options: Options) {
  const { environment = 'local', values = {}, tag = '1.2.3', folder = CHART, chart = folder, release } = options;
  const files = ['--values', `${folder}/values-${environment}.yaml`, '--values', '-'];
  const set = tag === null ? [] : ['--set-string', `serviceDefaults.image.tag=${tag}`];
  return spawnSync(
    'helm',
    ['template', release ?? RELEASE, chart, '--namespace', release ?? NAMESPACE, ...files, ...set],
    {
      encoding: 'utf8',
      input: JSON.stringify(values),
      // Saves a third of the time: helm does not live long enough to need its garbage collected.
      env: { ...process.env, GOGC: 'off' },
    },
  );
}

/** @throws with helm's error */
export function renderText(options: Options = {}): string {
  const { status, stdout, stderr } = helmTemplate(options);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const rendered = new Map<string, Manifest[]>();

/**
 * Renders the same only once: a helm run takes a tenth of a second.
 * @throws with helm's error
 */
export function render(options: Options = {}): Manifest[] {
  const key = JSON.stringify(options);
  const manifests = rendered.get(key) ?? parseManifests(renderText(options));
  rendered.set(key, manifests);
  return manifests;
}

export function parseManifests(text: string): Manifest[] {
  return parseAllDocuments(text).flatMap((document) => document.toJS() ?? []);
}

/** What helm says when it refuses to render; empty when it renders. */
export function renderError(options: Options): string {
  const { status, stderr } = helmTemplate(options);
  return status === 0 ? '' : stderr;
}

/** What kubeconform has against the manifests; empty when nothing. */
export function invalid(manifests: string): string {
  const { stdout, stderr } = spawnSync('kubeconform', ['-strict', '-schema-location', SCHEMAS], {
    encoding: 'utf8',
    input: manifests,
  });
  return stdout + stderr;
}

/** @throws when there is none, so that no test passes for want of what it looks at */
export function find(manifests: Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (!found) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

export const ofKind = (manifests: Manifest[], kind: string): Manifest[] =>
  manifests.filter((manifest) => manifest.kind === kind);

/** The pods of all workloads, and helm's test pods, by the name of what they are of. */
export function podSpecs(manifests: Manifest[]): Record<string, PodSpec> {
  const isWorkload = ({ kind }: Manifest) => ['Deployment', 'StatefulSet', 'Pod'].includes(kind);
  const podSpec = ({ kind, spec }: Manifest): PodSpec => (kind === 'Pod' ? spec : spec.template.spec);
  return Object.fromEntries(
    manifests.filter(isWorkload).map((manifest) => [manifest.metadata.name, podSpec(manifest)]),
  );
}

export const containers = (pod: PodSpec): Container[] => [...(pod.initContainers ?? []), ...pod.containers];

/** The container that serves, or the init container that migrates. */
export function container(manifests: Manifest[], service: string, name = service): Container {
  const found = containers(find(manifests, 'Deployment', service).spec.template.spec).find(
    (each) => each.name === name,
  );
  if (!found) throw new Error(`${service} has no container ${name}`);
  return found;
}

/** A container's variables by name; undefined for those that don't hold a plain value. */
export const environmentOf = ({ env = [] }: Container): Record<string, string | undefined> =>
  Object.fromEntries(env.map(({ name, value }) => [name, value]));
