import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { parseStack, readStackFiles } from '../../scripts/deploy/compose-stack.mjs';

/** What Traefik and Grafana would read, which never run here: that everything they are told to find is there. */

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
/** Each with the overlay that mounts it, if it is not the stack itself. */
const DATA_SOURCES = [
  [`${GRAFANA}/datasources/prometheus.yaml`, undefined],
  [`${DOCKER}/logging/grafana-loki.yml`, `${DOCKER}/compose.logging.yml`],
  [`${DOCKER}/tracing/grafana-jaeger.yml`, `${DOCKER}/compose.tracing.yml`],
] as const;

const read = (path: string): unknown => parse(readFileSync(path, 'utf8'));
const dataSources = (path: string) => read(path) as DataSources;
const files = readStackFiles();
const servicesOf = (overlay?: string) => parseStack(files, new Map(), overlay).services;

describe('Traefik', () => {
  const overlay = servicesOf(`${DOCKER}/compose.traefik.yml`).get('traefik');
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
    const processes = [...servicesOf().keys()].filter((name) => /^app-\d+$/.test(name));
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

  it.each(DATA_SOURCES)('is given %s, whose server is there', (path, overlay) => {
    const services = servicesOf(overlay);
    const volumes = services.get('grafana')?.volumes ?? [];
    const { apiVersion, datasources } = dataSources(path);
    expect(apiVersion).toBe(1);
    expect(volumes.some((volume) => volume.startsWith(`./${path}:/etc/grafana/`))).toBe(true);
    for (const { url } of datasources) expect([...services.keys()]).toContain(new URL(url).hostname);
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
    const mounted = servicesOf()
      .get('grafana')
      ?.volumes?.map((volume) => volume.split(':'));
    for (const { options } of providers) {
      const [source = ''] = mounted?.find(([, target]) => target === options.path) ?? [];
      expect(existsSync(`${source}/service-overview.json`)).toBe(true);
    }
  });
});
