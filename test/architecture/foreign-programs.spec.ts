import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** What Traefik and Grafana would read, which never run here: that everything they are told to find is there. */

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly command?: readonly string[]; readonly volumes?: readonly string[] }>
  >;
}

interface Traefik {
  readonly http: {
    readonly routers: Readonly<Record<string, TraefikRouter>>;
    readonly middlewares: Readonly<Record<string, object>>;
    readonly services: Readonly<
      Record<
        string,
        { loadBalancer: { servers: { url: string }[]; healthCheck: { path: string; interval: string } } }
      >
    >;
  };
  readonly tls: { readonly options: { readonly default: { readonly minVersion: string } } };
}

interface TraefikRouter {
  readonly rule: string;
  readonly entryPoints: readonly string[];
  readonly service: string;
  readonly middlewares: readonly string[];
  readonly tls: { readonly certResolver: string };
}

interface DataSources {
  readonly apiVersion: number;
  readonly datasources: readonly {
    readonly uid: string;
    readonly type: string;
    readonly url: string;
    readonly jsonData?: object;
  }[];
}

const DOCKER = 'deployment/docker';
const GRAFANA = 'deployment/monitoring/grafana/provisioning';
/** Each with the stack that mounts it. */
const DATA_SOURCES = [
  [`${GRAFANA}/datasources/prometheus.yaml`, 'docker-compose.production.yml'],
  [`${DOCKER}/logging/grafana-loki.yml`, `${DOCKER}/compose.logging.yml`],
  [`${DOCKER}/tracing/grafana-jaeger.yml`, `${DOCKER}/compose.tracing.yml`],
] as const;

const read = (path: string): unknown =>
  // Tags such as `!reset` are for compose alone.
  parse(readFileSync(path, 'utf8'), { logLevel: 'silent', merge: true });
const composition = (path: string) => read(path) as Compose;
const dataSources = (path: string) => read(path) as DataSources;
const volumesOf = (path: string, service: string) => composition(path).services[service]?.volumes ?? [];

describe('Traefik', () => {
  const overlay = composition(`${DOCKER}/compose.traefik.yml`).services['traefik'];
  const { http, tls } = read(`${DOCKER}/traefik/dynamic.yml`) as Traefik;
  const flags = overlay?.command ?? [];

  it('reads the folder that is mounted', () => {
    expect(flags).toContain('--providers.file.directory=/etc/traefik');
    expect(overlay?.volumes).toContain('./deployment/docker/traefik:/etc/traefik:ro');
  });

  it('knows every entry point, resolver, middleware and service that a router names', () => {
    for (const { entryPoints, tls: own, middlewares, service } of Object.values(http.routers)) {
      for (const name of entryPoints)
        expect(flags.some((flag) => flag.startsWith(`--entrypoints.${name}.address=`))).toBe(true);
      expect(flags.some((flag) => flag.startsWith(`--certificatesresolvers.${own.certResolver}.acme.`))).toBe(
        true,
      );
      for (const name of middlewares) expect(http.middlewares).toHaveProperty(name);
      expect(http.services).toHaveProperty(service);
    }
    expect(Object.values(http.routers).every(({ rule }) => rule.includes('!Path(`/metrics`)'))).toBe(true);
    expect(tls.options.default.minVersion).toBe('VersionTLS12');
  });

  it('asks every process of the stack, and whether it is ready', () => {
    const processes = Object.keys(composition('docker-compose.production.yml').services).filter((name) =>
      /^app-\d+$/.test(name),
    );
    expect(processes).toHaveLength(3);
    for (const { loadBalancer } of Object.values(http.services)) {
      expect(loadBalancer.servers.map(({ url }) => url)).toEqual(
        processes.map((name) => `http://${name}:3000`),
      );
      expect(loadBalancer.healthCheck.path).toBe('/health/ready');
    }
  });
});

describe('Grafana', () => {
  const known = DATA_SOURCES.flatMap(([path]) => dataSources(path).datasources);

  it.each(DATA_SOURCES)('is given %s, whose server is in %s', (path, stack) => {
    const { apiVersion, datasources } = dataSources(path);
    expect(apiVersion).toBe(1);
    expect(volumesOf(stack, 'grafana').some((volume) => volume.startsWith(`./${path}:/etc/grafana/`))).toBe(
      true,
    );
    for (const { url } of datasources)
      expect(composition(stack).services).toHaveProperty(new URL(url).hostname);
  });

  it('finds every data source that another one leads to, each once', () => {
    const uids = known.map(({ uid }) => uid);
    expect(new Set(uids).size).toBe(uids.length);
    const named = [...JSON.stringify(known).matchAll(/"datasourceUid":"([^"]+)"/g)].map(([, uid]) => uid);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((uid) => !uids.includes(uid ?? ''))).toEqual([]);
  });

  it('finds the dashboards where its provider looks', () => {
    const { providers } = read(`${GRAFANA}/dashboards/caudal.yaml`) as {
      providers: { options: { path: string } }[];
    };
    const mounted = volumesOf('docker-compose.production.yml', 'grafana').map((volume) => volume.split(':'));
    for (const { options } of providers) {
      const [source = ''] = mounted.find(([, target]) => target === options.path) ?? [];
      expect(existsSync(`${source}/service-overview.json`)).toBe(true);
    }
  });
});
