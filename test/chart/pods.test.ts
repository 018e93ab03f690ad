import { expect } from 'chai';
import { needsTools } from '../setup/needs.ts';
import { dangling } from './references.ts';
import {
  type Container,
  container,
  containers,
  ENVIRONMENTS,
  invalid,
  NAMES,
  NAMESPACE,
  type PodSpec,
  parseManifests,
  podSpecs,
  RELEASE,
  render,
  renderText,
  type SecurityContext,
} from './render.ts';

/** All that the chart can render and no environment does. */
const EVERYTHING = {
  serviceDefaults: {
    imagePullSecrets: [{ name: 'registry' }],
    logColors: true,
    apiDocs: true,
    env: [{ name: 'GREETING', value: 'hello' }],
    envFrom: [{ secretRef: { name: 'more' } }],
    service: { type: 'LoadBalancer', annotations: { 'example.com/internal': 'true' } },
    serviceAccount: { annotations: { 'example.com/role': 'shop' } },
    podLabels: { team: 'shop' },
    podAnnotations: { 'example.com/scrape': 'true' },
    podDisruptionBudget: { maxUnavailable: '50%' },
    podSecurityContext: { fsGroup: 1_000_650_000 },
    networkPolicy: {
      extraIngress: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } }],
      extraEgress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: [{ port: 443 }] }],
      metricsIngress: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
    },
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' }, interval: '30s' },
    ingress: {
      enabled: true,
      className: 'nginx',
      annotations: { 'example.com/timeout': '60' },
      hosts: ['shop.example.com'],
      tls: [{ hosts: ['shop.example.com'], secretName: 'shop-tls' }],
    },
    httpRoute: {
      enabled: true,
      annotations: { 'example.com/timeout': '60' },
      parentRefs: [{ name: 'public', namespace: 'gateways', sectionName: 'https' }],
      hostnames: ['shop.example.com'],
    },
    priorityClassName: 'high',
    nodeSelector: { 'kubernetes.io/arch': 'arm64' },
    tolerations: [{ key: 'spot', operator: 'Exists' }],
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
    extraVolumes: [{ name: 'cache', emptyDir: {} }],
    extraVolumeMounts: [{ name: 'cache', mountPath: '/cache' }],
  },
};

describe('the rendered objects', () => {
  needsTools('helm', 'kubeconform');

  it('are valid and whole with all options on', () => {
    const text = renderText({ environment: 'prod', values: EVERYTHING });
    expect(invalid(text)).to.equal('');
    const manifests = parseManifests(text);
    expect(dangling(manifests)).to.have.members(['Secret more', 'Secret shop-tls']);
    expect(podSpecs(manifests).store?.securityContext).to.include({ fsGroup: 1_000_650_000 });
  });

  for (const environment of ENVIRONMENTS) {
    it(`of ${environment} have no empty lines, nulls or empty lists`, () => {
      const text = renderText({ environment });
      // Helm 4 puts a line between two objects.
      for (const object of text.split(/^---$/m).slice(1)) expect(object.trim()).to.not.match(/^[ \t]*$/m);
      expect(parseManifests(text).flatMap((manifest) => junk(manifest, manifest.metadata.name))).to.deep.equal([]);
    });

    it(`of ${environment} are all named, labelled and in the release’s namespace`, () => {
      for (const { kind, metadata } of render({ environment })) {
        expect(metadata, `${kind} ${metadata.name}`).to.include({ namespace: NAMESPACE });
        expect(metadata.labels).to.include({
          'app.kubernetes.io/instance': RELEASE,
          'app.kubernetes.io/part-of': 'app',
          'app.kubernetes.io/managed-by': 'Helm',
        });
      }
    });
  }
});

describe('the pods', () => {
  needsTools('helm');

  for (const environment of ENVIRONMENTS) {
    it(`of ${environment} meet the restricted Pod Security Standard`, () => {
      const faults = Object.entries(podSpecs(render({ environment }))).flatMap(([name, pod]) =>
        securityFaults(name, pod),
      );
      expect(faults).to.deep.equal([]);
    });
  }

  for (const environment of ENVIRONMENTS)
    for (const name of NAMES) {
      it(`of ${name} in ${environment} are asked for life at /livez and for readiness at /readyz`, () => {
        const [server] = podSpecs(render({ environment }))[name]?.containers ?? [];
        const port = environment === 'local' ? 'http' : 'management';
        expect(server?.startupProbe?.httpGet).to.deep.equal({ path: '/livez', port });
        expect(server?.livenessProbe?.httpGet).to.deep.equal({ path: '/livez', port });
        expect(server?.readinessProbe?.httpGet).to.deep.equal({ path: '/readyz', port });
      });
    }

  for (const environment of ENVIRONMENTS) {
    it(`of ${environment} say how much of the node’s disk they need and may take`, () => {
      for (const [name, pod] of Object.entries(podSpecs(render({ environment })))) {
        for (const { name: of, resources } of containers(pod))
          for (const bound of [resources.requests, resources.limits])
            expect(bound, `${name} ${of}`).to.include.keys('memory', 'ephemeral-storage');
        const sizes = (pod.volumes ?? []).flatMap(({ emptyDir }) => emptyDir ?? []);
        for (const size of sizes) expect(size, name).to.have.keys('sizeLimit');
        expect(sizes.length, name).to.be.greaterThan(0);
      }
    });

    it(`of ${environment} run as users that ${environment === 'local' ? 'own the files in the image' : 'no node has'}`, () => {
      const pods = podSpecs(render({ environment }));
      for (const name of NAMES.flatMap((service) => [service, `${service}-test`])) {
        const { runAsUser, runAsGroup, fsGroup } = pods[name]?.securityContext ?? {};
        for (const id of [runAsUser, runAsGroup, fsGroup])
          if (environment === 'local') expect(id, name).to.equal(1000);
          else expect(id, name).to.be.greaterThan(10_000);
      }
    });
  }

  it('of helm test are small, whatever the services ask for', () => {
    const resources = { requests: { cpu: '2', memory: '4Gi' }, limits: { memory: '4Gi' } };
    const [test] = podSpecs(render({ values: { serviceDefaults: { resources } } }))['store-test']?.containers ?? [];
    expect(test?.resources.requests).to.include({ cpu: '10m', memory: '64Mi' });
    expect(test?.resources.limits).to.include({ memory: '128Mi' });
  });

  it('are not ended or left by their callers where somebody debugs them', () => {
    const { startupProbe, livenessProbe, readinessProbe } = container(
      render({ values: { services: { store: { debug: true } } } }),
      'store',
    );
    expect([startupProbe, livenessProbe]).to.deep.equal([undefined, undefined]);
    expect(readinessProbe?.failureThreshold).to.be.greaterThan(1000);
  });

  it('stay within reach in development to say why they do not start, and nowhere else', () => {
    const threshold = (environment: string) =>
      container(render({ environment }), 'store').readinessProbe?.failureThreshold;
    expect([threshold('local'), threshold('staging'), threshold('prod')]).to.deep.equal([3600, 3, 3]);
  });

  it('keep a debugger’s options of their own', () => {
    const own = { name: 'NODE_DEBUG_OPTION', value: '--inspect-brk=0.0.0.0:9229' };
    const { env = [] } = container(render({ values: { services: { store: { debug: true, env: [own] } } } }), 'store');
    expect(env.filter(({ name }) => name === own.name)).to.deep.equal([own]);
  });

  it('have no access to Kubernetes', () => {
    for (const pod of Object.values(podSpecs(render())))
      expect(pod).to.include({ automountServiceAccountToken: false });
  });
});

/** Where nothing stands that says something: nulls, empty lists and empty maps. */
function junk(node: unknown, path: string): string[] {
  if (node === null || (Array.isArray(node) && node.length === 0)) return [path];
  if (typeof node !== 'object') return [];
  const entries = Object.entries(node);
  if (entries.length === 0) return [path];
  return entries.flatMap(([key, value]) => junk(value, `${path}.${key}`));
}

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
function securityFaults(name: string, pod: PodSpec): string[] {
  const allowedVolumes = 'configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret'.split(
    ' ',
  );
  const rules: [string, boolean][] = [
    ['namespaces of the host', !pod.hostNetwork && !pod.hostPID && !pod.hostIPC],
    [
      'volume types',
      (pod.volumes ?? []).every(({ name: _, ...types }) =>
        Object.keys(types).every((type) => allowedVolumes.includes(type)),
      ),
    ],
    ...containers(pod).flatMap((container) => containerRules(container, pod.securityContext)),
  ];
  return rules.filter(([, isMet]) => !isMet).map(([rule]) => `${name}: ${rule}`);
}

function containerRules({ securityContext: own, ports = [], ...container }: Container, pod: SecurityContext) {
  const context = { ...pod, ...own };
  const rules: [string, boolean][] = [
    ['privileged', !context.privileged],
    ['privilege escalation', context.allowPrivilegeEscalation === false],
    ['capabilities', context.capabilities?.drop?.includes('ALL') === true && !context.capabilities.add],
    ['root', context.runAsNonRoot === true && context.runAsUser !== 0],
    ['seccomp', context.seccompProfile?.type === 'RuntimeDefault'],
    ['host ports', ports.every(({ hostPort }) => !hostPort)],
  ];
  return rules.map(([rule, isMet]): [string, boolean] => [`${container.name}: ${rule}`, isMet]);
}
