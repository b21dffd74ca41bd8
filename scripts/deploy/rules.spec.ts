import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENVIRONMENT } from '../../src/config/environment.js';
import { documentedMetrics, readBase } from './renderings.mjs';
import { parseObjects } from './manifests.mjs';
import { checkManifests, checkSecretSources } from './rules.mjs';
import { dockerfile, dockerignore } from './rules/image-rules.mjs';

const PROJECT = join(import.meta.dirname, '../..');
const settings = new Map(Object.entries(ENVIRONMENT));
const metrics = documentedMetrics();

/** Everything that the rules judge, by file name. */
const FILES: ReadonlyMap<string, string> = new Map([
  ...readBase(),
  ...['Dockerfile.production', '.dockerignore'].map(
    (name) => [name, readFileSync(join(PROJECT, name), 'utf8')] as const,
  ),
]);

const isManifest = (name: string): boolean => name.endsWith('.yaml');
const PARSED = new Map(
  [...FILES].filter(([name]) => isManifest(name)).map(([name, text]) => [name, parseObjects(text, name)]),
);

/** The rules that find something, with one file of another content. */
function brokenRules(changed = '', content = ''): string[] {
  const textOf = (name: string) => (name === changed ? content : (FILES.get(name) ?? ''));
  const objects = [...PARSED].flatMap(([name, parsed]) =>
    name === changed ? parseObjects(content, name) : parsed,
  );
  const findings = [
    ...checkManifests({ objects, settings, metrics }),
    ...dockerfile(textOf('Dockerfile.production'), 'Dockerfile.production'),
    ...dockerignore(textOf('.dockerignore')),
  ];
  return [...new Set(findings.map(({ rule }) => rule))];
}

interface Mutation {
  readonly rule: string;
  readonly what: string;
  readonly file: string;
  readonly from: string | RegExp;
  readonly to: string;
}

const m = (rule: string, what: string, file: string, from: string | RegExp, to: string): Mutation => ({
  rule,
  what,
  file,
  from,
  to,
});

/** One fault each, of the kind that people make; the rule named has to find it. */
const MUTATIONS: readonly Mutation[] = [
  m('image', 'runs as root', 'Dockerfile.production', 'USER 65532:65532', 'USER root'),
  m('image', 'names its user', 'Dockerfile.production', 'USER 65532:65532', 'USER node'),
  m('image', 'shell-form CMD', 'Dockerfile.production', /^CMD .*$/m, 'CMD node dist/main.js'),
  m('image', 'npm start', 'Dockerfile.production', /^CMD .*$/m, 'CMD ["npm", "start"]'),
  m(
    'image',
    'shell-form HEALTHCHECK',
    'Dockerfile.production',
    /CMD \["node", "dist\/health-check.js"\]/,
    'CMD node dist/health-check.js',
  ),
  m('image', 'impatient HEALTHCHECK', 'Dockerfile.production', '--timeout=6s', '--timeout=3s'),
  m(
    'image',
    'secret in ENV',
    'Dockerfile.production',
    'ENV NODE_ENV=production',
    'ENV BLIND_INDEX_KEY=abc NODE_ENV=production',
  ),
  m(
    'image',
    'secret in ARG',
    'Dockerfile.production',
    'ARG VERSION=0.0.0',
    'ARG NPM_TOKEN\nARG VERSION=0.0.0',
  ),
  m('image', 'npm install', 'Dockerfile.production', 'npm ci --include=dev', 'npm install'),
  m('image', 'development packages', 'Dockerfile.production', 'npm ci --omit=dev', 'npm ci'),
  m(
    'image',
    'node_modules of the build',
    'Dockerfile.production',
    '--from=dependencies /production/node_modules',
    '--from=build /app/node_modules',
  ),
  m('image', 'base without a version', 'Dockerfile.production', 'node:24.21.0-bookworm-slim', 'node:latest'),
  m(
    'image',
    'ADD',
    'Dockerfile.production',
    'COPY package.json ./',
    'ADD https://example.com/package.json ./',
  ),
  m('image', 'SIGKILL', 'Dockerfile.production', 'STOPSIGNAL SIGTERM', 'STOPSIGNAL SIGKILL'),
  m('image', 'the whole context', '.dockerignore', /^\*$/m, '.git'),
  m('image', 'secrets in the context', '.dockerignore', '!package.json', '!.env\n!package.json'),

  m('restricted-pods', 'root', 'deployment.yaml', 'runAsNonRoot: true', 'runAsNonRoot: false'),
  m('restricted-pods', 'low user', 'worker.yaml', 'runAsUser: 65532', 'runAsUser: 1000'),
  m(
    'restricted-pods',
    'privilege escalation',
    'deployment.yaml',
    'allowPrivilegeEscalation: false',
    'allowPrivilegeEscalation: true',
  ),
  m(
    'restricted-pods',
    'writable root',
    'migrate-job.yaml',
    'readOnlyRootFilesystem: true',
    'readOnlyRootFilesystem: false',
  ),
  m('restricted-pods', 'capabilities', 'pgbouncer.yaml', 'drop: [ALL]', 'drop: [NET_RAW]'),
  m('restricted-pods', 'seccomp', 'deployment.yaml', 'type: RuntimeDefault', 'type: Unconfined'),
  m(
    'restricted-pods',
    'API token',
    'worker.yaml',
    'automountServiceAccountToken: false',
    'automountServiceAccountToken: true',
  ),
  m('restricted-pods', 'host network', 'deployment.yaml', 'enableServiceLinks: false', 'hostNetwork: true'),

  m('resources', 'no memory limit', 'deployment.yaml', 'limits: { memory: 1536Mi, ', 'limits: { '),
  m('resources', 'overcommitted memory', 'worker.yaml', 'limits: { memory: 1Gi', 'limits: { memory: 2Gi'),
  m(
    'resources',
    'CPU limit',
    'deployment.yaml',
    'limits: { memory: 1536Mi',
    "limits: { cpu: '1', memory: 1536Mi",
  ),
  m('resources', 'latest', 'worker.yaml', 'caudal:0.1.0', 'caudal:latest'),
  m(
    'resources',
    'heap of 4 GB',
    'deployment.yaml',
    'value: api',
    'value: api\n            - name: NODE_OPTIONS\n              value: --max-old-space-size=4096',
  ),

  m('probes', 'liveness looks at components', 'deployment.yaml', '/health/live', '/health'),
  m('probes', 'one probe for both', 'deployment.yaml', '/health/live', '/health/ready'),
  m('probes', 'port that is not there', 'worker.yaml', 'name: management\n', 'name: metrics\n'),
  m('probes', 'patience with a hung process', 'deployment.yaml', 'terminationGracePeriodSeconds: 10\n', '\n'),
  m('probes', 'impatient start', 'deployment.yaml', 'failureThreshold: 30', 'failureThreshold: 5'),

  m(
    'shutdown',
    'short grace',
    'deployment.yaml',
    'terminationGracePeriodSeconds: 45',
    'terminationGracePeriodSeconds: 30',
  ),
  m('shutdown', 'no delay', 'configmap.yaml', "SHUTDOWN_DELAY_MS: '10000'", "SHUTDOWN_DELAY_MS: '0'"),
  m(
    'shutdown',
    'long drain',
    'configmap.yaml',
    "SHUTDOWN_DEADLINE_MS: '20000'",
    "SHUTDOWN_DEADLINE_MS: '60000'",
  ),
  m('shutdown', 'slow readiness', 'deployment.yaml', 'periodSeconds: 5\n', 'periodSeconds: 15\n'),
  m(
    'shutdown',
    'preStop hook',
    'deployment.yaml',
    'imagePullPolicy: Always',
    'lifecycle: { preStop: { exec: { command: [sleep, "5"] } } }',
  ),

  m('quota', 'the seed’s 200 pods', 'namespace.yaml', "pods: '300'", "pods: '200'"),
  m('quota', 'the seed’s 50 cores', 'namespace.yaml', "requests.cpu: '300'", "requests.cpu: '50'"),
  m('quota', 'larger pods', 'deployment.yaml', /memory: 1536Mi/g, 'memory: 4Gi'),
  m('quota', 'larger surge', 'deployment.yaml', 'maxSurge: 10%', 'maxSurge: 50%'),
  m(
    'quota',
    'pods that pile up at their end',
    'deployment.yaml',
    'minReadySeconds: 20',
    'minReadySeconds: 1',
  ),

  m(
    'connections',
    'the single host’s pools',
    'configmap.yaml',
    /DATABASE_WRITE_POOL_SIZE[^]*?LIMIT: '13'/,
    "DATABASE_WRITE_POOL_SIZE: '40'",
  ),
  m('connections', 'few clients', 'pgbouncer.yaml', 'max_client_conn = 6000', 'max_client_conn = 1000'),
  m('connections', 'large server pools', 'pgbouncer.yaml', /pool_size=30/g, 'pool_size=100'),
  m('connections', 'session pooling', 'pgbouncer.yaml', 'pool_mode = transaction', 'pool_mode = session'),
  m('connections', 'surge of PgBouncers', 'pgbouncer.yaml', 'maxSurge: 0', 'maxSurge: 3'),

  m('scaling', 'replicas beside the HPA', 'deployment.yaml', 'revisionHistoryLimit: 5', 'replicas: 20'),
  m(
    'scaling',
    'another target',
    'hpa.yaml',
    'kind: Deployment\n    name: caudal-api',
    'kind: Deployment\n    name: caudal',
  ),
  m('scaling', 'metric that nobody exports', 'hpa.yaml', 'http_requests_per_second', 'requests_per_second'),
  m(
    'scaling',
    'VPA on the same CPU',
    'hpa.yaml',
    /^/,
    'apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: { name: caudal-api, namespace: caudal }\nspec:\n  targetRef: { kind: Deployment, name: caudal-api }\n  updatePolicy: { updateMode: Auto }\n---\n',
  ),
  m('scaling', 'less than 200', 'hpa.yaml', 'maxReplicas: 200', 'maxReplicas: 100'),

  m('disruption', 'the seed’s 30 % at 70 % CPU', 'hpa.yaml', 'maxUnavailable: 20%', 'maxUnavailable: 30%'),
  m('disruption', 'no drain at all', 'worker.yaml', 'maxUnavailable: 1\n', 'maxUnavailable: 0\n'),
  m('disruption', 'budget of nobody', 'hpa.yaml', /component: api\n$/, 'component: web\n'),
  m(
    'disruption',
    'pods go before others are ready',
    'deployment.yaml',
    'maxUnavailable: 0',
    'maxUnavailable: 25%',
  ),

  m('references', 'service of nobody', 'service.yaml', 'component: api\n  ports', 'component: web\n  ports'),
  m('references', 'port of nobody', 'service.yaml', 'targetPort: http', 'targetPort: web'),
  m(
    'references',
    'ingress to nothing',
    'service.yaml',
    'name: caudal-api\n                port',
    'name: caudal\n                port',
  ),
  m(
    'references',
    'host without a certificate',
    'service.yaml',
    'hosts: [shop.example.com]',
    'hosts: [www.example.com]',
  ),
  m('references', 'missing ConfigMap', 'worker.yaml', 'name: caudal-config', 'name: caudal-settings'),
  m(
    'references',
    'missing service account',
    'deployment.yaml',
    'serviceAccountName: caudal-api',
    'serviceAccountName: api',
  ),
  m('references', 'other namespace', 'hpa.yaml', 'namespace: caudal', 'namespace: default'),

  m(
    'network-policies',
    'no default deny',
    'network-policy.yaml',
    'policyTypes: [Ingress, Egress]',
    'policyTypes: [Ingress]',
  ),
  m(
    'network-policies',
    'policy for nobody',
    'network-policy.yaml',
    'app.kubernetes.io/component: pgbouncer\n  policyTypes',
    'app.kubernetes.io/component: bouncer\n  policyTypes',
  ),
  m('network-policies', 'gateway locked out', 'network-policy.yaml', 'port: http }', 'port: web }'),

  m('settings', 'unknown key', 'configmap.yaml', 'ACCESS_LOG:', 'ACCES_LOG:'),
  m('settings', 'value out of range', 'configmap.yaml', "TRUST_PROXY_HOPS: '1'", "TRUST_PROXY_HOPS: '99'"),
  m(
    'settings',
    'key in the ConfigMap',
    'configmap.yaml',
    'LOG_LEVEL: info',
    'LOG_LEVEL: info\n  BLIND_INDEX_KEY: c2VjcmV0',
  ),
  m(
    'settings',
    'password in an address',
    'configmap.yaml',
    'LOG_LEVEL: info',
    'LOG_LEVEL: info\n  REDIS_URL: redis://user:hunter2@redis:6379',
  ),
  m('settings', 'unknown role', 'worker.yaml', 'value: worker', 'value: jobs'),
  m(
    'settings',
    'Secret with its content',
    'configmap.yaml',
    /^/,
    'apiVersion: v1\nkind: Secret\nmetadata: { name: caudal-keys, namespace: caudal }\nstringData: { a: b }\n---\n',
  ),

  m('rights', 'baseline pods', 'namespace.yaml', 'enforce: restricted', 'enforce: baseline'),
  m('rights', 'deployer of everything', 'namespace.yaml', 'resources: [deployments]', "resources: ['*']"),
  m(
    'rights',
    'deployer reads secrets',
    'namespace.yaml',
    'resources: [configmaps]',
    'resources: [configmaps, secrets]',
  ),
];

describe('the rules of the deployment', () => {
  it('have nothing against what is in the repository', () => {
    expect(brokenRules()).toEqual([]);
  });

  it('find a secret that the external store does not provide', () => {
    const base = [...PARSED.values()].flat();
    const overlay = 'deployment/overlays/external-secrets/external-secrets.yaml';
    const text = readFileSync(join(PROJECT, overlay), 'utf8');
    expect(checkSecretSources(base, parseObjects(text, overlay))).toEqual([]);
    const renamed = text.replaceAll('blind-index-key', 'blind-index');
    expect(checkSecretSources(base, parseObjects(renamed, overlay))).toEqual([
      {
        rule: 'secret-sources',
        where: 'ExternalSecret',
        message: 'nothing provides caudal-keys/blind-index-key',
      },
    ]);
  });

  it('catch every seeded mutation', () => {
    const isCaught = ({ rule, file, from, to }: Mutation): boolean => {
      const original = FILES.get(file) ?? '';
      const mutated = original.replace(from, () => to);
      if (mutated === original) throw new Error(`"${String(from)}" is not in ${file}`);
      return brokenRules(file, mutated).includes(rule);
    };
    const survivors = MUTATIONS.filter((mutation) => !isCaught(mutation));
    process.stdout.write(
      `deployment mutations: ${String(MUTATIONS.length - survivors.length)} of ${String(MUTATIONS.length)} caught\n`,
    );
    expect(survivors.map(({ rule, what }) => `${rule}: ${what}`)).toEqual([]);
    expect(MUTATIONS.length).toBeGreaterThanOrEqual(40);
  });
});
