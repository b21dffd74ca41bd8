// @ts-check
/* global structuredClone */
// What an installation brings beside the manifests: its secrets, and the addresses of its databases.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { NODE_ADDRESS } from './node-network.mjs';

const NAMESPACE = 'caudal';

/**
 * @typedef {object} Keys
 * @property {string} jwtPrivateKey PEM
 * @property {string} fieldEncryptionKeys
 */

/** @returns {Keys} */
export const createKeys = () => ({
  jwtPrivateKey: generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey,
  fieldEncryptionKeys: `k1:${randomBytes(32).toString('base64')}`,
});

/**
 * @param {Keys} keys
 * @param {import('./stores.mjs').Stores} stores
 */
export function secrets({ jwtPrivateKey, fieldEncryptionKeys }, { password }) {
  const database = (/** @type {string} */ at) => `postgresql://caudal:${password}@${at}`;
  const redis = 'redis://redis:6379';
  return [
    secret('caudal-database', {
      url: database('pgbouncer:6432/caudal'),
      'replica-urls': [1, 2].map((n) => database(`pgbouncer:6432/caudal_${String(n)}`)).join(','),
      'direct-url': database('postgres-rw:5432/caudal'),
    }),
    secret('caudal-redis', {
      ...{ 'main-url': redis, 'rate-limit-url': redis, 'session-url': redis, 'cache-url': redis },
    }),
    secret('caudal-keys', {
      'field-encryption-keys': fieldEncryptionKeys,
      'blind-index-key': randomBytes(32).toString('base64'),
      'cursor-signing-key': randomBytes(32).toString('base64'),
    }),
    secret('caudal-jwt', { 'private.pem': jwtPrivateKey }),
    secret('caudal-pgbouncer', { 'userlist.txt': `"caudal" "${password}"\n` }),
  ];
}

/** @param {string} name @param {Record<string, string>} stringData */
const secret = (name, stringData) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: NAMESPACE }, stringData },
});

/** @param {import('./stores.mjs').Stores} stores */
export const storeServices = ({ replicaPort, redisPort }) => [
  ...outside('postgres-rw', 5432, 5432),
  ...outside('postgres-1', 5432, 5432),
  ...outside('postgres-2', 5432, replicaPort),
  ...outside('redis', 6379, redisPort),
];

/** @param {string} name @param {number} port @param {number} targetPort on the node */
const outside = (name, port, targetPort) => [
  {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: NAMESPACE } },
    spec: { ports: [{ name: 'data', port, targetPort }] },
  },
  {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { name, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': name } },
    endpoints: [{ addresses: [NODE_ADDRESS], conditions: { ready: true } }],
    ports: [{ name: 'data', port: targetPort, protocol: 'TCP' }],
  },
];

/**
 * The first administrator, made by the image itself as in the compose stack, with the settings of a pod of the API.
 *
 * @param {import('../../deploy/kubernetes-objects.d.ts').KubernetesObject} migration
 * @param {import('../../deploy/kubernetes-objects.d.ts').KubernetesObject} api
 */
export function administratorJob(migration, api) {
  const job = structuredClone(migration);
  const [container] = job.spec?.template?.spec?.containers ?? [];
  const [settings] = api.spec?.template?.spec?.containers ?? [];
  const podOf = (/** @type {typeof job} */ object) => object.spec?.template?.spec;
  Object.assign(job.metadata ?? {}, { name: 'caudal-administrator' });
  Object.assign(podOf(job) ?? {}, { volumes: podOf(api)?.volumes });
  Object.assign(container ?? {}, {
    ...{ args: ['node', 'dist/seed.js'], envFrom: settings?.envFrom, volumeMounts: settings?.volumeMounts },
    env: [
      ...(settings?.env ?? []),
      { name: 'ADMIN_EMAIL', value: 'admin@example.com' },
      { name: 'ADMIN_PASSWORD', value: randomBytes(18).toString('base64url') },
      { name: 'SEED_DEMO_SHOP', value: 'false' },
    ],
  });
  return job;
}
