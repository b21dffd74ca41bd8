// @ts-check
// A cluster of one node with the installation of production on it.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { issueBuyers } from '../../load/buyers.mjs';
import { parseJson } from '../../services/json-file.mjs';
import { until } from '../cache.mjs';
import { startControlPlane } from '../control-plane.mjs';
import { startClusterDns } from './cluster-dns.mjs';
import { startContainerd } from './containerd.mjs';
import { startGateway } from './gateway.mjs';
import { NODE, startKubelet } from './kubelet.mjs';
import { NODE_ADDRESS, SERVICE_RANGE } from './node-network.mjs';
import { administratorJob, createKeys, secrets, storeServices } from './outside-objects.mjs';
import { CHANGES, inOrder, REPLICAS, writeOverlay } from './overlay.mjs';
import { Pods } from './pods.mjs';
import { query, startStores } from './stores.mjs';

/** The product that everybody buys. */
const STOCK = 1_000_000;
const BUYERS = 200;
const MINUTES = 60;

/**
 * @typedef {object} Prepared what was made outside, where there is a network
 * @property {string} state directory
 * @property {string} archive of images
 * @property {string} pauseImage
 * @property {{ kubelet: string, kubeProxy: string, k6: string, nginx: string, collector?: string, bucket?: string }} programs
 * @property {boolean} hasBackupImage
 *
 * @typedef {object} Installation
 * @property {import('../control-plane.mjs').ControlPlane['kubectl']} kubectl
 * @property {import('../processes.mjs').Processes} processes
 * @property {Map<string, string>} names what the cluster's DNS knows: addresses by `name.namespace`
 * @property {Pods} pods
 * @property {import('./stores.mjs').Stores} stores
 * @property {string} buyersFile
 * @property {string} variantId
 * @property {string} gatewayLog
 */

/**
 * @param {Prepared} prepared
 * @param {import('../cache.mjs').Rehearsal} rehearsal
 * @returns {Promise<Installation>}
 */
export async function install({ state, archive, pauseImage, programs }, { say, goal }) {
  const plane = await startControlPlane({ serviceCidr: SERVICE_RANGE });
  const { kubectl, kubeconfig, processes } = plane;
  say('the control plane is ready');
  const [socket, stores] = await Promise.all([
    startContainerd({ state, pauseImage, archive, processes }),
    startStores(state),
  ]);
  say('containerd has the images; PostgreSQL with a standby, and Redis, are up');
  startKubelet({ state, socket, kubeconfig, programs, processes });
  await until('the node', 120_000, async () => {
    const failure = processes.failure();
    if (failure !== undefined) throw new Error(failure);
    return kubectl(['wait', '--for=condition=Ready', `node/${NODE}`, '--timeout=5s']);
  });
  say(
    `the node is ready: ${(await kubectl(['get', 'nodes', '--no-headers', '--output=wide'])).trim().replaceAll(/\s{2,}/g, ' ')}`,
  );

  const apply = (/** @type {readonly object[]} */ items) =>
    kubectl(['apply', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  const { before, migration, after } = inOrder(await kubectl(['kustomize', writeOverlay(state)]));
  for (const change of CHANGES) say(`  overlay: ${change}`);
  // A namespace first: what is in it cannot be tried out without it.
  await apply(before.filter(({ kind }) => kind === 'Namespace'));
  const policies = before.filter(({ kind }) => kind === 'NetworkPolicy');
  await kubectl(
    ['apply', '--dry-run=server', '--filename=-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'List', items: policies }),
  );
  goal(true, `policies: the API server takes all ${String(policies.length)} (dry run)`);
  const keys = createKeys();
  await apply([...before, ...secrets(keys, stores), ...storeServices(stores)]);
  const names = await serviceAddresses(kubectl);
  await startClusterDns(NODE_ADDRESS, names);
  const jobDone = (/** @type {string} */ name) =>
    kubectl(['wait', '--namespace=caudal', '--for=condition=complete', `job/${name}`, '--timeout=180s']);
  await apply(migration);
  await jobDone('caudal-migrate');
  goal(true, 'the migration Job is complete');
  await kubectl(['rollout', 'status', '--namespace=caudal', 'deployment/caudal-pgbouncer', '--timeout=180s']);
  say('PgBouncer is rolled out');
  const api = after.find(({ kind, metadata }) => kind === 'Deployment' && metadata?.name === 'caudal-api');
  const [migrate] = migration;
  if (api === undefined || migrate === undefined) throw new Error('the overlay has no API or no migration');
  await apply([...after, administratorJob(migrate, api)]);
  await jobDone('caudal-administrator');
  const pods = new Pods(kubectl);
  await pods.whenReady(REPLICAS);
  await kubectl(['rollout', 'status', '--namespace=caudal', 'deployment/caudal-worker', '--timeout=180s']);
  goal(true, `${String(REPLICAS)} pods of the API and the worker are ready`);

  const service = (await serviceAddresses(kubectl)).get('caudal-api.caudal') ?? '';
  const key = join(state, 'jwt.pem');
  writeFileSync(key, keys.jwtPrivateKey, { mode: 0o600 });
  const issued = await issueBuyers(
    {
      ...{ dataDir: state, origins: [], managementPort: 0, databaseUrl: stores.url },
      ...{ privateKeyFile: key, fieldEncryptionKeys: keys.fieldEncryptionKeys },
    },
    { count: BUYERS, lifetimeSeconds: MINUTES * 60 },
  );
  const buyersFile = join(state, 'buyers.json');
  writeFileSync(buyersFile, JSON.stringify(issued), { mode: 0o600 });
  const variantId = await openShop(`http://${service}`, issued.admin?.token ?? '');
  const gatewayLog = await startGateway({ state, nginx: programs.nginx, service, processes });
  say(`the shop is open behind the Service ${service} and the gateway`);
  return { kubectl, processes, names, pods, stores, buyersFile, variantId, gatewayLog };
}

/** @param {import('../control-plane.mjs').ControlPlane['kubectl']} kubectl @returns {Promise<Map<string, string>>} */
export async function serviceAddresses(kubectl) {
  const { items } =
    /** @type {{ items: { metadata: { name: string, namespace: string }, spec: { clusterIP: string } }[] }} */ (
      parseJson(await kubectl(['get', 'services', '--all-namespaces', '--output=json']))
    );
  return new Map(
    items
      .filter(({ spec }) => spec.clusterIP !== 'None')
      .map(({ metadata, spec }) => [`${metadata.name}.${metadata.namespace}`, spec.clusterIP]),
  );
}

/** A product with a lot of it in stock, made over the API. @param {string} origin @param {string} token */
async function openShop(origin, token) {
  const ask = async (
    /** @type {string} */ method,
    /** @type {string} */ path,
    /** @type {unknown} */ body,
    headers = {},
  ) => {
    const response = await fetch(`${origin}/api/v1/admin/${path}`, {
      ...{ method, body: body === undefined ? null : JSON.stringify(body) },
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${String(response.status)} ${text}`);
    return { etag: response.headers.get('etag') ?? '*', body: text === '' ? {} : parseJson(text) };
  };
  const made = await ask('POST', 'products', {
    ...{ slug: 'rehearsal', name: 'Rehearsal', description: 'One of many.' },
    variants: [{ sku: 'REHEARSAL-1', options: { size: 'one' }, prices: [{ currency: 'USD', amount: 1000 }] }],
  });
  const [variant] = /** @type {{ variants: { id: string }[] }} */ (made.body).variants;
  const path = `stock/${variant?.id ?? ''}`;
  const { etag } = await ask('GET', path, undefined);
  await ask('PUT', path, { onHand: STOCK }, { 'if-match': etag });
  return variant?.id ?? '';
}

/**
 * Whether the database has what was acknowledged, once each, and its stock is the sum of its movements.
 *
 * @param {Installation} installation
 * @param {readonly import('./crowd.mjs').Visit[]} visits all that there were
 */
export async function books({ stores: { url } }, visits) {
  const acknowledged = visits.flatMap(({ order }) => (typeof order === 'string' ? [order] : []));
  const [orders] = await query(
    url,
    `SELECT count(*)::int AS total, count(*) FILTER (WHERE id = ANY ($1::uuid[]))::int AS found FROM orders`,
    [acknowledged],
  );
  // A key whose order was made twice would have two orders, of which the record of the key knows one.
  const [keys] = await query(
    url,
    `SELECT count(*)::int AS total, count(DISTINCT (body::jsonb)->>'id')::int AS orders
       FROM idempotency_records WHERE status = 201 AND key = ANY ($1::text[])`,
    [visits.flatMap(({ key }) => (key === undefined ? [] : [key]))],
  );
  const [stock] = await query(
    url,
    `SELECT count(*)::int AS items, count(*) FILTER (WHERE s.reserved NOT BETWEEN 0 AND s.on_hand
         OR coalesce(l.on_hand, 0) <> s.on_hand OR coalesce(l.reserved, 0) <> s.reserved)::int AS unbalanced
       FROM stock_items s LEFT JOIN (SELECT variant_id, sum(on_hand_delta) AS on_hand, sum(reserved_delta) AS reserved
         FROM stock_movements GROUP BY variant_id) l USING (variant_id)`,
  );
  return {
    acknowledged: new Set(acknowledged).size,
    sent: visits.filter(({ kind }) => kind === 'order').length,
    found: Number(orders?.['found']),
    total: Number(orders?.['total']),
    keys: Number(keys?.['total']),
    keyedOrders: Number(keys?.['orders']),
    unbalanced: Number(stock?.['unbalanced']),
  };
}
