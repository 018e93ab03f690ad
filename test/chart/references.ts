import { CHART, ENVIRONMENTS, type Manifest, ofKind, podSpecs, readYaml } from './render.ts';

const NAME = 'app.kubernetes.io/name';

/** What the environments name and somebody else makes. */
const EXISTING = ENVIRONMENTS.flatMap((environment) => {
  const { existingSecret, ca } = readYaml(`${CHART}/values-${environment}.yaml`).externalDatabase ?? {};
  return [existingSecret, ca?.existingSecret].map((name) => `Secret ${name}`);
});

/** What the manifests point to that neither they nor `existing` have, such as `Secret shop-database`. */
export function dangling(manifests: Manifest[], existing = EXISTING): string[] {
  const there = new Set([...manifests.flatMap(offers), ...existing]);
  return [...new Set(manifests.flatMap(references))].filter((reference) => !there.has(reference));
}

/** All the secrets that the manifests point to. */
export const secretsOf = (manifests: Manifest[]): string[] =>
  [...new Set(manifests.flatMap(references))].filter((reference) => reference.startsWith('Secret '));

function offers(manifest: Manifest): string[] {
  const { kind, metadata, spec } = manifest;
  const ports: { port: number }[] = kind === 'Service' ? spec.ports : [];
  const labels = kind === 'Pod' ? metadata.labels : spec?.template?.metadata.labels;
  return [
    `${kind} ${metadata.name}`,
    ...ports.map(({ port }) => `http://${metadata.name}:${port}`),
    ...(labels ? [`pods ${labels[NAME]}`] : []),
  ];
}

function references(manifest: Manifest): string[] {
  const secrets = valuesAt<{ name: string }>(manifest, 'secretKeyRef', 'secretRef').map(({ name }) => name);
  const selectors = valuesAt<Record<string, string>>(manifest, 'matchLabels').map((labels) => labels[NAME]);
  const targets = valuesAt<{ kind: string; name: string }>(manifest, 'scaleTargetRef');
  const backends = valuesAt<{ service: { name: string } }>(manifest, 'backend').map(({ service }) => service.name);
  return [
    ...[...secrets, ...valuesAt<string>(manifest, 'secretName')].map((name) => `Secret ${name}`),
    ...selectors.filter(Boolean).map((name) => `pods ${name}`),
    ...targets.map(({ kind, name }) => `${kind} ${name}`),
    ...backends.map((name) => `Service ${name}`),
    ...valuesAt<string>(manifest, 'serviceAccountName').map((name) => `ServiceAccount ${name}`),
    ...urls(manifest),
  ];
}

function urls(manifest: Manifest): string[] {
  const pods = Object.values(podSpecs(ofKind([manifest], 'Deployment')));
  return pods
    .flatMap((pod) => pod.containers)
    .flatMap(({ env = [] }) => env)
    .flatMap(({ name, value }) => (name.endsWith('_URL') && value ? [value] : []));
}

/** What stands under these keys, wherever they are, but not in what is optional, which may point to nothing. */
function valuesAt<Value>(node: unknown, ...keys: string[]): Value[] {
  if (node === null || typeof node !== 'object' || ('optional' in node && node.optional)) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    keys.includes(key) ? [value as Value] : valuesAt<Value>(value, ...keys),
  );
}
