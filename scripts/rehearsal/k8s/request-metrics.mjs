// @ts-check
// The server of custom.metrics.k8s.io that stands in for the Prometheus adapter, which cannot be had as a Go module:
// it finds and asks the metric as the rule in the cluster says.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { parse } from 'yaml';
import { findFreePort } from '../../services/ports.mjs';
import { apiServiceAt } from './simulated-nodes.mjs';

const GROUP = 'custom.metrics.k8s.io';
const VERSION = 'v1beta2';
const PATH = new RegExp(`^/apis/${GROUP}/${VERSION}/namespaces/([^/]+)/pods/(\\*|%2A)/([^/?]+)$`);

/**
 * @typedef {{ seriesQuery: string, name: { matches: string, as: string }, metricsQuery: string }} AdapterRule
 * @typedef {object} Source
 * @property {(path: string) => Promise<unknown>} prometheus its API: the `data` of an answer
 * @property {() => readonly string[]} readyPods over which the balancer spreads the requests
 * @property {number} factor by which the load on the processes that are really there is multiplied
 * @property {string} realPods a pattern of the names that Prometheus knows those processes by
 */

/**
 * One machine cannot send what 200 pods answer. So the rate that the rule measures at the real processes is multiplied,
 * and every ready pod of the fleet is given its share of it.
 *
 * @param {import('../control-plane.mjs').ControlPlane} controlPlane
 * @param {Source} source
 */
export async function startRequestMetrics({ authority, kubectl }, source) {
  const text = await kubectl([
    ...['-n', 'monitoring', 'get', 'configmap', 'caudal-prometheus-adapter'],
    ...['-o', 'jsonpath={.data.config\\.yaml}'],
  ]);
  /** @type {unknown} */
  const config = parse(text);
  const { rules } = /** @type {{ rules: AdapterRule[] }} */ (config);
  const port = await findFreePort();
  const serving = await authority.server('request-metrics', ['localhost']);
  const server = createServer(
    { cert: readFileSync(serving.certificate), key: readFileSync(serving.key) },
    (request, response) => {
      const answer = (/** @type {number} */ status, /** @type {object} */ body) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      const { pathname } = new URL(request.url ?? '/', 'https://localhost');
      const [, namespace = '', , metric = ''] = PATH.exec(pathname) ?? [];
      if (metric === '') {
        if (pathname === `/apis/${GROUP}/${VERSION}`) answer(200, resourceList());
        else answer(404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 });
        return;
      }
      measure(rules, source, namespace, metric).then(
        (perPod) => {
          if (perPod === null)
            answer(404, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code: 404 });
          else answer(200, metricValues(source.readyPods(), namespace, metric, perPod));
        },
        (/** @type {unknown} */ error) => {
          answer(500, {
            kind: 'Status',
            apiVersion: 'v1',
            status: 'Failure',
            message: String(error),
            code: 500,
          });
        },
      );
    },
  );
  await new Promise((resolve) =>
    server.listen(port, '127.0.0.1', () => {
      resolve(undefined);
    }),
  );
  const service = apiServiceAt({ name: 'request-metrics', group: GROUP, version: VERSION, port });
  await kubectl(['apply', '-f', '-'], JSON.stringify(service));
  return {
    /** Requests per second of the whole fleet, as the rule measures them now. */
    measure: async () => {
      const perPod = await measure(rules, source, 'caudal', 'http_requests_per_second');
      return (perPod ?? 0) * source.readyPods().length;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * As the adapter does it: the rule whose series carry this name, and its query over the pods.
 *
 * @param {readonly AdapterRule[]} rules
 * @param {Source} source
 * @param {string} namespace
 * @param {string} metric
 * @returns {Promise<number | null>} of each ready pod; null when no rule makes the metric
 */
async function measure(rules, { prometheus, readyPods, factor, realPods }, namespace, metric) {
  for (const { seriesQuery, name, metricsQuery } of rules) {
    const found = await prometheus(`/api/v1/series?match[]=${encodeURIComponent(seriesQuery)}`);
    const names = new Set(/** @type {{ __name__: string }[]} */ (found).map(({ __name__ }) => __name__));
    const series = [...names].find(
      (each) => each.replace(new RegExp(name.matches), name.as.replace('${1}', '$1')) === metric,
    );
    if (series === undefined) continue;
    const query = metricsQuery
      .replaceAll('<<.Series>>', series)
      .replaceAll('<<.LabelMatchers>>', `namespace="${namespace}",pod=~"${realPods}"`)
      .replaceAll('<<.GroupBy>>', 'pod');
    const data = await prometheus(`/api/v1/query?query=${encodeURIComponent(query)}`);
    const { result } = /** @type {{ result: { value: [number, string] }[] }} */ (data);
    const measured = result.reduce((sum, { value: [, rate] }) => sum + Number(rate), 0);
    return (measured * factor) / Math.max(1, readyPods().length);
  }
  return null;
}

const resourceList = () => ({
  ...{ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${GROUP}/${VERSION}` },
  resources: [
    {
      ...{ name: 'pods/http_requests_per_second', singularName: '', namespaced: true },
      ...{ kind: 'MetricValueList', verbs: ['get'] },
    },
  ],
});

/** @param {readonly string[]} pods @param {string} namespace @param {string} metric @param {number} perPod */
const metricValues = (pods, namespace, metric, perPod) => ({
  ...{ kind: 'MetricValueList', apiVersion: `${GROUP}/${VERSION}`, metadata: {} },
  items: pods.map((name) => ({
    describedObject: { kind: 'Pod', namespace, name, apiVersion: '/v1' },
    metric: { name: metric },
    timestamp: new Date().toISOString(),
    value: `${String(Math.round(perPod * 1000))}m`,
  })),
});
