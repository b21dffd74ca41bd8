// @ts-check
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { parseJson } from '../../../services/json-file.mjs';
import { PROJECT } from '../../../setup/project.mjs';
import { until } from '../../cache.mjs';
import { REPLICAS } from '../overlay.mjs';

const PODS = '/var/log/pods';
const CONFIGURATION = 'deployment/docker/logging/collector-kubernetes.yml';
/** The collector waits a moment for what else there is to read. */
const ARRIVAL_DEADLINE_MS = 60_000;
const REQUEST_DEADLINE_MS = 30_000;
const CONTAINERS = ['api', 'worker', 'pgbouncer'];

/**
 * @typedef {{ key: string, value: { stringValue?: string } }[]} Attributes
 * @typedef {{ timeUnixNano: string, severityText?: string, traceId?: string, body: { stringValue?: string }, attributes?: Attributes }} LogRecord
 * @typedef {{ resourceLogs: { resource: { attributes: Attributes }, scopeLogs: { logRecords: LogRecord[] }[] }[] }} Export
 * @typedef {{ pod: string, container: string, namespace: string, requestId: string, record: LogRecord }} Line
 */

/**
 * An OpenTelemetry Collector with the shipped configuration reads what the kubelet keeps of the pods' output: each line once,
 * with the names of its pod and container, its level, and the ids of its request.
 *
 * @param {import('./stage.mjs').Stage} stage
 * @param {{ state: string, collector: string | undefined }} options the collector's program, when it could be had
 */
export async function collectLogs({ installation, rehearsal }, { state, collector }) {
  const { goal, leftOut, later } = rehearsal;
  if (collector === undefined) {
    leftOut(`${CONFIGURATION}: there is no collector`);
    return;
  }
  const store = await startStore();
  later(store.close);
  const directory = join(state, 'collector');
  mkdirSync(directory);
  const override = join(directory, 'override.yaml');
  writeFileSync(
    override,
    JSON.stringify({
      extensions: { file_storage: { directory } },
      exporters: { otlp_http: { endpoint: store.url, encoding: 'json', compression: 'none' } },
    }),
  );
  const { log } = installation.processes.start('collector', collector, [
    ...['--config', join(PROJECT, CONFIGURATION), '--config', override],
  ]);
  const pods = await installation.pods.whenReady(REPLICAS);
  const failed = await failOneRequest(installation.stores, pods[0]?.address ?? '');
  const written = pods.reduce((sum, { name, uid }) => sum + linesOf(name, uid), 0);
  const ofPods = () => store.lines.filter(({ pod }) => pods.some(({ name }) => name === pod));
  const isThere = await until('the lines of the pods', ARRIVAL_DEADLINE_MS, () => {
    const failure = installation.processes.failure();
    if (failure !== undefined) throw new Error(failure);
    return ofPods().length >= written && CONTAINERS.every((name) => store.has(name));
  }).catch(() => false);
  const { lines } = store;
  const names = [...new Set(lines.map(({ namespace, container }) => `${namespace}/${container}`))].sort();
  goal(
    isThere && written > 0,
    `collector: ${String(ofPods().length)} lines, of ${String(written)} that three pods had written; of ${names.join(', ')}`,
  );
  const known = new Set(
    lines.map(({ pod, record }) => [pod, record.timeUnixNano, record.body.stringValue].join()),
  );
  goal(known.size === lines.length, `collector: ${String(lines.length - known.size)} lines came twice`);
  const found = await until('the line of a request', ARRIVAL_DEADLINE_MS, () =>
    store.lines.find(({ requestId }) => requestId === failed.requestId),
  ).catch(() => undefined);
  const { severityText = 'no level', traceId = 'no trace', body } = found?.record ?? {};
  const line = /** @type {{ level?: string }} */ (parseJson(body?.stringValue ?? '{}'));
  goal(
    found?.container === 'api' && severityText === line.level && traceId === failed.traceId,
    `collector: a request that was answered ${failed.answer} is found by its id: ${severityText}, ${traceId}`,
  );
  if (!isThere) rehearsal.say(readFileSync(log, 'utf8').slice(-600));
}

/**
 * A line of a request: production logs those that failed.
 *
 * @param {import('../stores.mjs').Stores} stores
 * @param {string} address of a pod
 */
async function failOneRequest(stores, address) {
  const [requestId, traceId] = [randomUUID(), randomBytes(16).toString('hex')];
  const headers = { 'x-request-id': requestId, traceparent: `00-${traceId}-00f067aa0ba902b7-00` };
  stores.signalPostgres('SIGSTOP');
  try {
    const url = `http://${address}:3000/api/v1/products?limit=7`;
    const { status } = await fetch(url, { headers, signal: AbortSignal.timeout(REQUEST_DEADLINE_MS) });
    return { requestId, traceId, answer: String(status) };
  } finally {
    stores.signalPostgres('SIGCONT');
  }
}

/** What the runtime has written of a pod, whole lines. @param {string} pod @param {string} uid */
function linesOf(pod, uid) {
  const directory = join(PODS, `caudal_${pod}_${uid}`, 'api');
  return readdirSync(directory)
    .map((file) => readFileSync(join(directory, file), 'utf8'))
    .reduce((sum, text) => sum + (text.match(/^\S+ std(?:out|err) F /gm) ?? []).length, 0);
}

/** Takes logs as OTLP in JSON, as Loki does. */
async function startStore() {
  /** @type {Line[]} */
  const lines = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => (body += chunk));
    request.on('end', () => {
      const { resourceLogs } = /** @type {Export} */ (parseJson(body));
      for (const { resource, scopeLogs } of resourceLogs)
        for (const record of scopeLogs.flatMap(({ logRecords }) => logRecords))
          lines.push({
            pod: valueOf(resource.attributes, 'k8s.pod.name'),
            container: valueOf(resource.attributes, 'k8s.container.name'),
            namespace: valueOf(resource.attributes, 'k8s.namespace.name'),
            requestId: valueOf(record.attributes ?? [], 'requestId'),
            record,
          });
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(undefined);
    });
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    lines,
    url: `http://127.0.0.1:${String(port)}/otlp`,
    has: (/** @type {string} */ container) => lines.some((line) => line.container === container),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** @param {Attributes} attributes @param {string} name */
const valueOf = (attributes, name) => attributes.find(({ key }) => key === name)?.value.stringValue ?? '';
