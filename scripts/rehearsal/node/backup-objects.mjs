// @ts-check
// What deployment/overlays/backup expects beside it: servers of PostgreSQL that archive their WAL, in a namespace of data
// stores, and the secrets; and what an installation writes into the overlay.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { PROJECT } from '../../setup/project.mjs';
import { NODE_ADDRESS } from './node-network.mjs';

export const DATA_NAMESPACE = 'data';
export const BACKUP_IMAGE = 'registry.example.com/caudal-backup:0.1.0';
export const SERVERS = ['postgres-1', 'postgres-2', 'postgres-3'];
export const BUCKET = 'caudal-backup';
export const BUCKET_HOST = 's3.eu-west-1.example.com';
/** The gateway has 443 of the node. */
export const BUCKET_PORT = 8443;
const REPOSITORIES = [1, 2, 3];
const CLIENT = 'caudal-backup';
const TLS = '/run/secrets/backup-tls';
const KEY_FILE = '/run/secrets/backup-key';
/** pgBackRest asks for the bucket as a host of its own. */
const hostAliases = [{ ip: NODE_ADDRESS, hostnames: [BUCKET_HOST, `${BUCKET}.${BUCKET_HOST}`] }];

/**
 * @typedef {object} BackupKeys
 * @property {string} backupKey
 * @property {string} s3Key
 * @property {string} s3KeySecret
 * @property {string} password of the application's role and of replication
 * @property {import('../control-plane/authority.mjs').Authority} authority
 * @property {import('../control-plane/authority.mjs').Identity} client
 * @property {import('../control-plane/authority.mjs').Identity} server
 */

/** @param {string} state directory @returns {string} of the overlay, with what an installation decides */
export function writeBackupOverlay(state) {
  const directory = join(state, 'backup-overlay');
  mkdirSync(directory, { recursive: true });
  const settings = {
    ...bucketSettings(),
    ...Object.fromEntries(
      SERVERS.map((name, index) => [`PGBACKREST_PG${String(index + 1)}_HOST`, `${name}.${DATA_NAMESPACE}`]),
    ),
  };
  const podPath = '/spec/jobTemplate/spec/template/spec';
  const job = [
    { op: 'add', path: `${podPath}/hostAliases`, value: hostAliases },
    { op: 'replace', path: `${podPath}/containers/0/imagePullPolicy`, value: 'Never' },
  ];
  const overlay = {
    ...{ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' },
    resources: [relative(directory, join(PROJECT, 'deployment/overlays/backup'))],
    patches: [
      { patch: JSON.stringify({ ...configMapHead('caudal', 'caudal-backup'), data: settings }) },
      ...['postgres-backup', 'redis-backup'].map((name) => ({
        ...{ target: { kind: 'CronJob', name }, patch: JSON.stringify(job) },
      })),
    ],
  };
  writeFileSync(join(directory, 'kustomization.yaml'), stringify(overlay));
  return directory;
}

/** The bucket is that of the shipped ConfigMap; here it has a port and an authority of its own. */
const bucketSettings = () =>
  Object.fromEntries(
    REPOSITORIES.flatMap((n) => [
      [`PGBACKREST_REPO${String(n)}_STORAGE_PORT`, String(BUCKET_PORT)],
      [`PGBACKREST_REPO${String(n)}_STORAGE_CA_FILE`, `${TLS}/ca.crt`],
    ]),
  );

/**
 * The secrets of the overlay, a disk for its claim, and the namespace of the servers with all that they read.
 *
 * @param {BackupKeys} keys
 * @param {{ redisUrls: string, snapshots: string }} options `snapshots`: a directory of the node
 */
export function backupSurroundings(keys, { redisUrls, snapshots }) {
  const { backupKey, s3Key, s3KeySecret, password, authority, client, server } = keys;
  const read = (/** @type {string} */ path) => readFileSync(path, 'utf8');
  const identity = (
    /** @type {import('../control-plane/authority.mjs').Identity} */ { certificate, key },
  ) => ({
    ...{ 'tls.crt': read(certificate), 'tls.key': read(key), 'ca.crt': read(authority.certificate) },
  });
  const shipped = (/** @type {string} */ folder, /** @type {string[]} */ names) =>
    Object.fromEntries(names.map((name) => [name, read(join(PROJECT, 'deployment/docker', folder, name))]));
  const ours = { 'backup-key': backupKey, 's3-key': s3Key, 's3-key-secret': s3KeySecret };
  return [
    secret('caudal', 'caudal-backup', { ...ours, 'redis-urls': redisUrls }),
    secret('caudal', 'caudal-backup-tls', identity(client)),
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'redis-snapshots' } },
      spec: {
        ...{ capacity: { storage: '200Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: snapshots } },
        claimRef: { namespace: 'caudal', name: 'redis-snapshots' },
      },
    },
    {
      ...{ apiVersion: 'v1', kind: 'Namespace' },
      metadata: { name: DATA_NAMESPACE, labels: { 'caudal.io/access': 'data' } },
    },
    secret(DATA_NAMESPACE, 'backup', ours),
    secret(DATA_NAMESPACE, 'backup-tls', identity(server)),
    secret(DATA_NAMESPACE, 'passwords', { postgres_password: password, replication_password: password }),
    {
      ...configMapHead(DATA_NAMESPACE, 'postgres'),
      data: shipped('postgres', ['postgresql.conf', 'pg_hba.conf', 'start-postgres.sh']),
    },
    {
      ...configMapHead(DATA_NAMESPACE, 'archiving'),
      data: shipped('backup', ['postgresql.conf', 'archiving.conf']),
    },
    ...SERVERS.map((name) => ({
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: DATA_NAMESPACE } },
      spec: {
        selector: { server: name },
        ports: [
          { name: 'postgres', port: 5432 },
          { name: 'backup', port: 8432 },
        ],
      },
    })),
  ];
}

/**
 * A server as those of the compose stack, on the image of the backups, with `backup.sh server` beside it.
 *
 * @param {string} name of SERVERS
 * @param {string} [primary] whose standby it is
 */
export const serverPod = (name, primary) =>
  pod(name, {
    command: ['sh', '-c', '/opt/caudal-pgbackrest/backup.sh server & exec sh /etc/caudal/start-postgres.sh'],
    env: {
      POSTGRES_NODE: name.replace('-', '_'),
      ...(primary !== undefined && { POSTGRES_PRIMARY_HOST: primary }),
      PGBACKREST_TLS_SERVER_ADDRESS: '*',
      PGBACKREST_TLS_SERVER_CERT_FILE: `${TLS}/tls.crt`,
      PGBACKREST_TLS_SERVER_KEY_FILE: `${TLS}/tls.key`,
      PGBACKREST_TLS_SERVER_CA_FILE: `${TLS}/ca.crt`,
      PGBACKREST_TLS_SERVER_AUTH: `${CLIENT}=caudal`,
    },
    isArchiving: true,
  });

/** A server of what the bucket has, that takes nothing from the others and archives nothing. @param {string} name */
export const restoredPod = (name) =>
  pod(name, {
    command: [
      ...['sh', '-ec'],
      `/opt/caudal-pgbackrest/restore.sh postgres --copy --data-dir "$PGDATA"
      exec postgres -D "$PGDATA" -c config_file=/etc/caudal/postgresql.conf -c synchronous_standby_names=`,
    ],
    env: { PGDATA: '/var/lib/postgresql/18/docker' },
    isArchiving: false,
  });

/**
 * @param {string} name
 * @param {{ command: string[], env: Record<string, string>, isArchiving: boolean }} options
 */
function pod(name, { command, env, isArchiving }) {
  const settings = {
    ...env,
    BACKUP_KEY_FILE: KEY_FILE,
    PGBACKREST_LOCK_PATH: '/tmp/pgbackrest',
    ...repositorySettings(),
    ...bucketSettings(),
  };
  const fromSecret = (/** @type {string} */ key) => ({ secretKeyRef: { name: 'backup', key } });
  const mounts = [
    { name: 'data', mountPath: '/var/lib/postgresql' },
    { name: 'socket', mountPath: '/var/run/postgresql' },
    { name: 'postgres', mountPath: '/etc/caudal' },
    ...(isArchiving ? [{ name: 'archiving', mountPath: '/etc/caudal-backup' }] : []),
    { name: 'tls', mountPath: TLS },
    { name: 'key', mountPath: KEY_FILE, subPath: 'backup-key' },
    ...['postgres_password', 'replication_password'].map((key) => ({
      ...{ name: 'passwords', mountPath: `/run/secrets/${key}`, subPath: key },
    })),
  ];
  return {
    ...{ apiVersion: 'v1', kind: 'Pod' },
    metadata: { name, namespace: DATA_NAMESPACE, labels: { server: name } },
    spec: {
      ...{ hostAliases, enableServiceLinks: false, automountServiceAccountToken: false },
      securityContext: { runAsUser: 999, runAsGroup: 999, fsGroup: 999 },
      containers: [
        {
          ...{ name: 'postgres', image: BACKUP_IMAGE, imagePullPolicy: 'Never', command },
          env: [
            ...Object.entries(settings).map(([key, value]) => ({ name: key, value })),
            ...REPOSITORIES.flatMap((n) => [
              { name: `PGBACKREST_REPO${String(n)}_S3_KEY`, valueFrom: fromSecret('s3-key') },
              { name: `PGBACKREST_REPO${String(n)}_S3_KEY_SECRET`, valueFrom: fromSecret('s3-key-secret') },
            ]),
          ],
          readinessProbe: {
            exec: { command: ['pg_isready', '--quiet', '--host=/var/run/postgresql', '--dbname=caudal'] },
            ...{ periodSeconds: 1, timeoutSeconds: 5 },
          },
          volumeMounts: mounts,
        },
      ],
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'socket', emptyDir: {} },
        { name: 'postgres', configMap: { name: 'postgres' } },
        { name: 'archiving', configMap: { name: 'archiving' } },
        { name: 'tls', secret: { secretName: 'backup-tls', defaultMode: 0o440 } },
        { name: 'key', secret: { secretName: 'backup', defaultMode: 0o440 } },
        { name: 'passwords', secret: { secretName: 'passwords', defaultMode: 0o440 } },
      ],
    },
  };
}

/** Where the repositories are, in the words of the shipped ConfigMap. */
function repositorySettings() {
  const text = readFileSync(join(PROJECT, 'deployment/overlays/backup/configmap.yaml'), 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^ {2}(PGBACKREST_REPO\w+): (\S+)$/gm)].map(([, key = '', value = '']) => [key, value]),
  );
}

/** @param {string} namespace @param {string} name */
const configMapHead = (namespace, name) => ({
  ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } },
});

/** @param {string} namespace @param {string} name @param {Record<string, string>} stringData */
const secret = (namespace, name, stringData) => ({
  ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData },
});
