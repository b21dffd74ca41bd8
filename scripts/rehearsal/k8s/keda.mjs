// @ts-check
// deployment/overlays/keda with KEDA itself: its operator makes the autoscaler of the ScaledObject, and its server of
// external metrics asks Prometheus, for which a server here answers with the rate that the rehearsal wants.
import { copyFileSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { findFreePort } from '../../services/ports.mjs';
import { pause, until } from '../cache.mjs';
import { DEFINITIONS, goModule, goTool } from '../go-tools.mjs';
import { applyObjects, overlay } from './installation.mjs';
import { apiServiceAt, objectsOf, setCpuUsage } from './simulated-nodes.mjs';

/**
 * @typedef {import('./scaling.mjs').Stage} Stage
 * @typedef {import('../control-plane.mjs').ControlPlane} ControlPlane
 */

const NAMESPACE = 'keda';
const SHIPPED_PROMETHEUS = 'http://prometheus-operated.monitoring.svc:9090';
const AUTOSCALER = 'keda-hpa-caudal-api';
const READY_MS = 180_000;
const SCALED_MS = 300_000;
/** Of the ScaledObject. */
const REQUESTS_PER_POD = 1000;
const [LEAST, MORE] = [20, 60];

/**
 * @param {Stage} stage
 */
export async function rehearseKeda({ controlPlane, rehearsal, fleet }) {
  const { goal, later, leftOut, say } = rehearsal;
  const { kubectl } = controlPlane;
  const [operator, adapter, definitions] = [
    await goTool('keda-operator'),
    await goTool('keda-adapter'),
    await goModule(DEFINITIONS.keda),
  ];
  if (operator.path === undefined || adapter.path === undefined || definitions.path === undefined) {
    leftOut(`overlay keda (${operator.reason ?? adapter.reason ?? definitions.reason ?? ''})`);
    return;
  }
  await kubectl(['apply', '--server-side', '-f', join(definitions.path, DEFINITIONS.keda.place)]);
  await kubectl(['wait', '--for=condition=established', 'crd', '--all', '--timeout=60s']);
  await startKeda(controlPlane, { operator: operator.path, adapter: adapter.path });
  const prometheus = await startRateSource();
  later(prometheus.close);

  await setCpuUsage(controlPlane, 0.1);
  const rendered = await kubectl(['kustomize', overlay('keda')]);
  if (!rendered.includes(SHIPPED_PROMETHEUS)) throw new Error('the overlay asks another Prometheus');
  await applyObjects(controlPlane, rendered.replace(SHIPPED_PROMETHEUS, prometheus.url), AUTOSCALER);
  const shipped = objectsOf(rendered).find(({ kind }) => kind === 'ScaledObject');
  const text = await kubectl([
    '-n',
    'caudal',
    'get',
    'hpa',
    AUTOSCALER,
    '-o',
    'jsonpath={.spec.minReplicas} {.spec.maxReplicas} {.spec.metrics[*].type}',
  ]);
  goal(
    text === '20 200 External Resource' || text === '20 200 Resource External',
    `kubectl apply -k keda: ${String(objectsOf(rendered).length)} objects; its autoscaler: ${text}`,
  );

  prometheus.tell(REQUESTS_PER_POD * MORE);
  fleet.mark();
  await until('KEDA to scale the fleet', SCALED_MS, () => fleet.count().pods === MORE, 500);
  const [asked = 'nothing'] = prometheus.asked;
  goal(
    prometheus.asked.size === 1 && JSON.stringify(shipped).includes(JSON.stringify(asked)),
    `${String(REQUESTS_PER_POD * MORE)} requests/s: ${String(LEAST)} -> ${String(MORE)} pods after ${fleet.seconds().toFixed(0)} s, by ${asked}`,
  );

  prometheus.tell(null);
  await until(
    'the fallback',
    SCALED_MS,
    async () => {
      const path = 'jsonpath={.status.conditions[?(@.type=="Fallback")].status}';
      return (await kubectl(['-n', 'caudal', 'get', 'scaledobject', 'caudal-api', '-o', path])) === 'True';
    },
    1_000,
  );
  say('  Prometheus is away, and KEDA falls back');
  fleet.mark();
  // Four looks of the controller.
  await pause(60_000);
  goal(
    fleet.samples.every(({ pods }) => pods === MORE) && fleet.count().pods === MORE,
    `without Prometheus the fleet stays as large as it is: ${String(fleet.count().pods)} pods`,
  );
  // Its finalizer is the operator's to take away.
  await kubectl(['-n', 'caudal', 'delete', 'scaledobject', 'caudal-api', '--wait=true', '--timeout=60s']);
}

/** @param {ControlPlane} controlPlane @param {{ operator: string, adapter: string }} programs */
async function startKeda({ kubectl, authority, kubeconfig, processes, directory }, { operator, adapter }) {
  await kubectl(['create', 'namespace', NAMESPACE]);
  // Each shows the other a certificate of the same authority.
  const certificates = (
    /** @type {string} */ name,
    /** @type {import('../control-plane/authority.mjs').Identity} */ identity,
  ) => {
    const folder = join(directory, name);
    mkdirSync(folder);
    copyFileSync(identity.certificate, join(folder, 'tls.crt'));
    copyFileSync(identity.key, join(folder, 'tls.key'));
    copyFileSync(authority.certificate, join(folder, 'ca.crt'));
    return folder;
  };
  const env = {
    ...{ KUBECONFIG: kubeconfig, WATCH_NAMESPACE: '', POD_NAMESPACE: NAMESPACE },
    KEDA_CLUSTER_OBJECT_NAMESPACE: NAMESPACE,
  };
  const [metricsService, health, serving] = [
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
  ];
  processes.start(
    'keda-operator',
    operator,
    [
      ...['--enable-prometheus-metrics=false', `--health-probe-bind-address=127.0.0.1:${String(health)}`],
      `--metrics-service-bind-address=127.0.0.1:${String(metricsService)}`,
      `--cert-dir=${certificates('keda-operator', await authority.server('keda-operator', ['localhost']))}`,
      ...['--enable-webhook-patching=false', '--enable-apiservice-patching=false'],
    ],
    { env },
  );
  await until('the operator of KEDA', READY_MS, async () => {
    const failure = processes.failure();
    if (failure !== undefined) throw new Error(failure);
    return (await fetch(`http://127.0.0.1:${String(health)}/readyz`)).ok;
  });
  const server = await authority.server('keda-adapter', ['localhost']);
  processes.start(
    'keda-adapter',
    adapter,
    [
      ...['lister-kubeconfig', 'authentication-kubeconfig', 'authorization-kubeconfig'].map(
        (x) => `--${x}=${kubeconfig}`,
      ),
      ...[
        `--secure-port=${String(serving)}`,
        '--bind-address=127.0.0.1',
        `--port=${String(await findFreePort())}`,
      ],
      `--cert-dir=${certificates('keda-adapter', await authority.client('keda-adapter-client', 'keda-adapter'))}`,
      ...[`--tls-cert-file=${server.certificate}`, `--tls-private-key-file=${server.key}`],
      `--metrics-service-address=localhost:${String(metricsService)}`,
    ],
    { env },
  );
  const group = { group: 'external.metrics.k8s.io', version: 'v1beta1' };
  await kubectl(
    ['apply', '-f', '-'],
    JSON.stringify(apiServiceAt({ name: 'keda-metrics', ...group, port: serving })),
  );
  await kubectl([
    ...['wait', '--for=condition=available', 'apiservice/v1beta1.external.metrics.k8s.io'],
    '--timeout=120s',
  ]);
}

/** Answers a query as Prometheus does, with one value; or not at all. */
async function startRateSource() {
  /** @type {number | null} */
  let rate = 0;
  /** @type {Set<string>} */
  const asked = new Set();
  const server = createServer((request, response) => {
    if (rate === null) {
      request.socket.destroy();
      return;
    }
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    asked.add(searchParams.get('query') ?? '');
    const result = [{ metric: {}, value: [Date.now() / 1000, String(rate)] }];
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }));
  });
  const port = await findFreePort();
  await new Promise((resolve) =>
    server.listen(port, '127.0.0.1', () => {
      resolve(undefined);
    }),
  );
  return {
    url: `http://127.0.0.1:${String(port)}`,
    asked,
    /** Requests per second from now on; null: nobody answers. @param {number | null} value */
    tell: (value) => {
      rate = value;
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
