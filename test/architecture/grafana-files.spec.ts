import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { parseStack, readStackFiles } from '../../scripts/deploy/compose-stack.mjs';

/** What Grafana would read, which never runs here: that everything it is told to find is there. */

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
