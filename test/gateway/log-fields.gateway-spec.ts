import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { documentedQueries } from '../../scripts/log-queries.mjs';
import type { AppProcess } from '../support/app-process.js';
import { GatewayUnderTest } from '../support/gateway/gateway-under-test.js';
import { newTrace, TracingUnderTest } from '../support/tracing-under-test.js';
import { waitFor } from '../support/wait-for.js';

const PROJECT = join(import.meta.dirname, '../..');
const DEADLINE_MS = 180_000;
/** The relay and the exporter need moments, and longer where ten others have the cores. */
const WAIT_MS = 60_000;
const read = (path: string): string => readFileSync(join(PROJECT, path), 'utf8');

type Line = Readonly<Record<string, unknown>>;
type Source = 'gateway' | 'application';

const QUERIES = documentedQueries();

/** What docker compose calls the containers whose lines are looked at here. */
const CONTAINERS: Readonly<Record<Source, readonly string[]>> = (() => {
  const { name, services } = parse(read('docker-compose.production.yml'), { merge: true }) as {
    name: string;
    services: Record<string, { environment?: { ROLE?: string } }>;
  };
  const ofRole = Object.keys(services).filter(
    (service) => services[service]?.environment?.ROLE !== undefined,
  );
  const called = (service: string): string => `${name}-${service}-1`;
  return { gateway: [called('nginx')], application: ofRole.map(called) };
})();

describe('what the collectors of logs are told of', () => {
  let under: TracingUnderTest;
  let application: AppProcess;
  let gateway: GatewayUnderTest;
  let lines: Readonly<Record<Source, readonly Line[]>>;
  let texts: Readonly<Record<Source, readonly string[]>>;

  beforeAll(async () => {
    under = await TracingUnderTest.start();
    application = await under.startTraced('1', { TRUST_PROXY_HOPS: '1' });
    gateway = await GatewayUnderTest.start({ upstreams: [`127.0.0.1:${String(application.port)}`] });
    const send = async (path: string, status: number, body?: object) => {
      const requestId = crypto.randomUUID();
      const answer = await gateway.client.send(path, {
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          'x-request-id': requestId,
          'idempotency-key': requestId,
          traceparent: newTrace().traceparent('01'),
          authorization: `Bearer ${under.buyer.token}`,
        },
        body,
      });
      expect(answer.status).toBe(status);
      await gateway.lineOf(requestId);
      await waitFor(
        'the line of the process',
        () => application.log.includes(`"requestId":"${requestId}"`),
        WAIT_MS,
      );
    };
    await send('/api/v1/products', 200);
    await send('/api/v1/rest/orders', 201, under.orderOf(under.variantId));
    await under.shop.withoutOrders(() => send('/api/v1/orders', 500, under.orderOf(under.variantId)));
    await waitFor('an error', () => application.log.includes('"level":"error"'), WAIT_MS);
    texts = {
      gateway: gateway.accessLog.map((line) => JSON.stringify(line)),
      application: application.log.split('\n').filter((line) => /^\{.*\}$/.test(line)),
    };
    const parsed = (each: readonly string[]) => each.map((line) => JSON.parse(line) as Line);
    lines = { gateway: parsed(texts.gateway), application: parsed(texts.application) };
  }, DEADLINE_MS);

  afterAll(async () => {
    await gateway.stop();
    await under.stopProcesses();
    await under.close();
  });

  const requestsOf = (source: Source): Line[] => lines[source].filter(({ msg }) => msg === 'request');
  const has = (source: Source, field: string): boolean => lines[source].some((line) => field in line);

  it('is JSON with a time, a level and a text in every line', () => {
    for (const source of ['gateway', 'application'] as const) {
      expect(requestsOf(source).length).toBeGreaterThan(2);
      for (const { time, level, msg } of lines[source]) {
        expect(Date.parse(String(time))).toBeGreaterThan(0);
        expect(['debug', 'info', 'warn', 'error', 'fatal']).toContain(level);
        expect(typeof msg).toBe('string');
      }
    }
  });

  it.each(['collector.yml', 'collector-kubernetes.yml'])(
    'is in the lines of requests of both: what %s takes out',
    (name) => {
      const text = read(`deployment/docker/logging/${name}`);
      const fields = new Set([...text.matchAll(/\battributes\.line\.(\w+)/g)].map(([, field = '']) => field));
      expect([...fields].sort()).toEqual(['level', 'requestId', 'traceId']);
      for (const source of ['gateway', 'application'] as const)
        for (const request of requestsOf(source))
          for (const field of fields) expect(request[field]).toEqual(expect.any(String));
    },
  );

  it('leads from a line to its trace: what the data source of Grafana looks for', () => {
    const { datasources } = parse(read('deployment/docker/logging/grafana-loki.yml')) as {
      datasources: { jsonData: { derivedFields: { matcherRegex: string }[] } }[];
    };
    const pattern = datasources[0]?.jsonData.derivedFields[0]?.matcherRegex ?? '^$';
    for (const source of ['gateway', 'application'] as const)
      for (const request of requestsOf(source))
        expect(new RegExp(pattern).exec(JSON.stringify(request))?.[1]).toBe(request['traceId']);
  });

  it.each(QUERIES)('exists, of the containers that it is looked for in: %s', (query) => {
    const selector = /\{([^}]*)\}/.exec(query)?.[1] ?? '';
    const named = /container_name(=~?)"([^"]*)"/.exec(selector);
    const name = named?.[2] ?? '.*';
    const pattern = new RegExp(`^(?:${named?.[1] === '=' ? name.replaceAll('.', '\\.') : name})$`);
    const sources = (['gateway', 'application'] as const).filter((source) =>
      CONTAINERS[source].some((each) => pattern.test(each)),
    );
    expect(sources).not.toEqual([]);
    const rest = query.replace(/\{[^}]*\}/, '');
    const fields = [...rest.matchAll(/\|\s*(\w+)\s*(?:=~?|!=|!~|[<>]=?)|unwrap (\w+)|by \((\w+)\)|"(\w+)":/g)]
      .map(([, ...names]) => names.find(Boolean) ?? '')
      .map((name) => (name === 'detected_level' ? 'level' : name));
    for (const source of sources)
      for (const field of fields) expect([source, field, has(source, field)]).toEqual([source, field, true]);
    const labels = [...selector.matchAll(/(\w+)(?:=~?|!=|!~)"/g)].map(([, label = '']) => label);
    expect(['service_namespace', 'container_name']).toEqual(expect.arrayContaining(labels));
  });

  it('is worth something to paste: there are queries', () => {
    expect(QUERIES.length).toBeGreaterThan(5);
  });
});
