import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

/** By the beginning of their paths: the npm scripts or the tests that run them, or have a program read them, for real. */
const EXECUTED: Readonly<Record<string, readonly string[]>> = {
  'Dockerfile.production': ['rehearse:image'],
  'docker-compose.production.yml': ['rehearse:compose'],
  'deployment/capacity/': ['capacity'],
  'deployment/docker/backup/': ['rehearse:compose', 'rehearse:node'],
  'deployment/docker/compose.backup.yml': ['rehearse:compose'],
  'deployment/docker/compose.logging.yml': ['rehearse:overlays'],
  'deployment/docker/compose.modsecurity.yml': ['rehearse:compose'],
  'deployment/docker/compose.staging.yml': ['rehearse:overlays'],
  'deployment/docker/compose.tracing.yml': ['rehearse:overlays'],
  'deployment/docker/compose.traefik.yml': ['rehearse:overlays'],
  'deployment/docker/logging/collector-kubernetes.yml': ['rehearse:node'],
  'deployment/docker/logging/collector.yml': ['rehearse:overlays'],
  'deployment/docker/logging/loki.yml': ['rehearse:overlays'],
  'deployment/docker/nginx/': ['check:gateway', 'rehearse:compose'],
  'deployment/docker/pgbouncer/': ['rehearse:compose'],
  'deployment/docker/postgres/': ['rehearse:compose'],
  'deployment/docker/redis/': ['rehearse:compose', 'test/e2e/redis-users.e2e-spec.ts'],
  'deployment/docker/scripts/': ['rehearse:image', 'rehearse:compose'],
  'deployment/docker/traefik/': ['rehearse:overlays'],
  'deployment/k8s/': ['rehearse:k8s', 'rehearse:node'],
  'deployment/monitoring/': ['check:monitoring', 'rehearse:compose'],
  'deployment/monitoring/dashboards/': ['check:dashboards'],
  'deployment/overlays/backup/': ['rehearse:node'],
  'deployment/overlays/gateway-api/': ['rehearse:k8s'],
  'deployment/overlays/keda/': ['rehearse:k8s'],
  'deployment/overlays/monitoring/': ['rehearse:k8s'],
  'deployment/overlays/production/': ['rehearse:k8s', 'rehearse:node'],
  'deployment/overlays/staging/': ['rehearse:k8s'],
  'deployment/overlays/vpa/': ['rehearse:k8s'],
  'deployment/scripts/': ['scripts/deploy/deployment-scripts.spec.ts'],
  'deployment/scripts/backup-environment.sh': ['rehearse:restore'],
  'deployment/scripts/backup.sh': ['rehearse:restore', 'scripts/backup/backup-scripts.spec.ts'],
  'deployment/scripts/build-docker.sh': ['rehearse:image'],
  'deployment/scripts/compose-environment.sh': ['scripts/deploy/deploy-script.spec.ts', 'rehearse:compose'],
  'deployment/scripts/compose-gateway.sh': ['scripts/deploy/deploy-script.spec.ts', 'rehearse:compose'],
  'deployment/scripts/create-secrets.sh': ['scripts/deploy/create-secrets.spec.ts'],
  'deployment/scripts/deploy.sh': ['scripts/deploy/deploy-script.spec.ts', 'rehearse:compose'],
  'deployment/scripts/failover.sh': ['scripts/deploy/failover-script.spec.ts', 'rehearse:compose'],
  'deployment/scripts/restore-drill.sh': ['rehearse:restore'],
  'deployment/scripts/restore.sh': ['rehearse:restore', 'rehearse:compose'],
  'deployment/scripts/smoke.sh': ['scripts/deploy/smoke.spec.ts', 'rehearse:compose'],
  'deployment/scripts/watch-health.sh': ['scripts/deploy/watch-health.spec.ts', 'rehearse:compose'],
};

/** What the suites and rehearsals never run: the program that it needs, and what looks at it instead. */
const NOT_EXECUTED: Readonly<
  Record<string, { readonly needs: string; readonly judgedBy: readonly string[] }>
> = {
  '.github/workflows/': {
    needs: 'GitHub Actions',
    judgedBy: ['check:scripts', 'test/architecture/workflows.spec.ts'],
  },
  'deployment/docker/logging/grafana-loki.yml': {
    needs: 'Grafana',
    judgedBy: ['test/gateway/log-fields.gateway-spec.ts', 'test/architecture/grafana-files.spec.ts'],
  },
  'deployment/docker/tracing/': {
    needs: 'Grafana',
    judgedBy: ['test/architecture/grafana-files.spec.ts'],
  },
  'deployment/monitoring/grafana/': {
    needs: 'Grafana',
    judgedBy: ['test/architecture/grafana-files.spec.ts'],
  },
  'deployment/overlays/data/': {
    needs: 'the controller of CloudNativePG',
    judgedBy: ['check:deploy', 'rehearse:k8s'],
  },
  'deployment/overlays/external-secrets/': {
    needs: 'the External Secrets Operator',
    judgedBy: ['check:deploy', 'rehearse:k8s'],
  },
  'deployment/overlays/k6/': { needs: 'the k6 operator', judgedBy: ['check:deploy', 'rehearse:k8s'] },
};
const SHIPPED = ['deployment', '.github/workflows', 'Dockerfile.production', 'docker-compose.production.yml'];

/** The longest beginning of the path that is listed. */
function entryOf(path: string): string | undefined {
  return [...Object.keys(EXECUTED), ...Object.keys(NOT_EXECUTED)]
    .filter((beginning) => path.startsWith(beginning))
    .sort((one, other) => other.length - one.length)[0];
}

describe('what an installation consists of', () => {
  const files = execFileSync('git', ['ls-files', ...SHIPPED], { encoding: 'utf8' })
    .split('\n')
    .filter((path) => path !== '' && existsSync(path));
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };

  it('is run for real, or stands in the list of what is not, with what it would need', () => {
    expect(files.filter((path) => entryOf(path) === undefined)).toEqual([]);
  });

  it('is still there', () => {
    const used = new Set(files.map(entryOf));
    const listed = [...Object.keys(EXECUTED), ...Object.keys(NOT_EXECUTED)];
    expect(listed.filter((beginning) => !used.has(beginning))).toEqual([]);
  });

  it('is looked at by something, what is not run as well, and by what is there', () => {
    expect(Object.values(NOT_EXECUTED).filter(({ judgedBy }) => judgedBy.length === 0)).toEqual([]);
    const named = [
      ...Object.values(EXECUTED).flat(),
      ...Object.values(NOT_EXECUTED).flatMap(({ judgedBy }) => judgedBy),
    ];
    expect(named.filter((name) => !(name in scripts) && !existsSync(name))).toEqual([]);
  });
});
