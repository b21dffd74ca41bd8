// @ts-check
// Mistakes in the times of jobs, and secrets that found their way into a file.
const POSTGRES = 'deployment/overlays/backup/postgres-backup.yaml';
const REDIS = 'deployment/overlays/backup/redis-backup.yaml';

/** @type {readonly import('./mutation.mjs').Mutation[]} */
export const SCHEDULE_MUTATIONS = [
  ['schedules', 'a minute that does not exist', POSTGRES, "'17 2 * * *'", "'61 2 * * *'"],
  ['schedules', 'six fields', POSTGRES, "'17 2 * * *'", "'0 17 2 * * *'"],
  ['schedules', 'a day that does not come', POSTGRES, "'17 2 * * *'", "'17 2 31 2 *'"],
  ['schedules', 'with the hour', POSTGRES, "'17 2 * * *'", "'0 2 * * *'"],
  ['schedules', 'both at once', REDIS, "'41 */6 * * *'", "'17 */6 * * *'"],
  ['schedules', 'the controller’s time', POSTGRES, '  timeZone: Etc/UTC\n', ''],
  ['schedules', 'two at once', POSTGRES, 'concurrencyPolicy: Forbid', 'concurrencyPolicy: Allow'],
  ['schedules', 'however late', REDIS, 'startingDeadlineSeconds: 3600', 'startingDeadlineSeconds: 0'],
  ['schedules', 'for ever', POSTGRES, 'activeDeadlineSeconds: 21600', 'ttl: 1'],
  ['schedules', 'into the next run', REDIS, 'activeDeadlineSeconds: 3600', 'activeDeadlineSeconds: 21600'],
  ['schedules', 'no history of failures', POSTGRES, 'failedJobsHistoryLimit: 5', 'failedJobsHistoryLimit: 0'],
  [
    'schedules',
    'every pod of a year',
    REDIS,
    'successfulJobsHistoryLimit: 3',
    'successfulJobsHistoryLimit: 1000',
  ],
  ['schedules', 'twice a week, with an alert after a day', POSTGRES, "'17 2 * * *'", "'17 2 * * 1,4'"],
  ['schedules', 'suspended', POSTGRES, '  concurrencyPolicy', '  suspend: true\n  concurrencyPolicy'],
  ['restricted-pods', 'a backup as root', POSTGRES, 'runAsUser: 65532', 'runAsUser: 0'],
  ['resources', 'a backup without a memory limit', REDIS, 'limits: { memory: 256Mi, ', 'limits: { '],
];

const OVERLAY = 'deployment/docker/compose.backup.yml';
const ARCHIVING = 'deployment/docker/backup/archiving.conf';
const KEY = '/run/secrets/backup_key';

/** The compose stack with its backups. @type {readonly import('./mutation.mjs').Mutation[]} */
export const COMPOSE_BACKUP_MUTATIONS = [
  ['compose-backup', 'a primary that does not archive', OVERLAY, '  postgres-3: *archiving\n', ''],
  ['compose-backup', 'servers without the repository', OVERLAY, "['backup:/var/lib/caudal-backup', ", '['],
  ['compose-backup', 'a server of another image', OVERLAY, / {2}image: .*\n {2}environment/, '  environment'],
  [
    'compose-backup',
    'two keys',
    OVERLAY,
    `{ BACKUP_KEY_FILE: ${KEY} }`,
    '{ BACKUP_KEY_FILE: /etc/hostname }',
  ],
  [
    'compose-backup',
    'data that it can write',
    OVERLAY,
    'caudal-servers/postgres-1:ro',
    'caudal-servers/postgres-1',
  ],
  ['compose-backup', 'a server that it cannot back up', OVERLAY, /^ *- postgres-2:.*:ro\n/m, ''],
  [
    'compose-backup',
    'backups in the container',
    OVERLAY,
    '- backup:/var/lib/caudal-backup\n',
    '- backup:/backup\n',
  ],
  ['compose-backup', 'old, and well', OVERLAY, "BACKUP_AGE_MAX_HOURS: '26'", "BACKUP_AGE_MAX_HOURS: '260'"],
  [
    'compose-backup',
    'well because it runs',
    OVERLAY,
    '[CMD, /opt/caudal-pgbackrest/backup-service.sh, healthy]',
    "[CMD, 'true']",
  ],
  ['compose-backup', 'no such hour', OVERLAY, 'BACKUP_HOUR:-2', 'BACKUP_HOUR:-24'],
  [
    'compose-backup',
    'an age that nobody sees',
    OVERLAY,
    'backup-metrics:/var/lib/caudal-backup-metrics:ro',
    'backup-metrics:/metrics:ro',
  ],
  ['compose-backup', 'archiving is off', ARCHIVING, 'archive_mode = on', 'archive_mode = off'],
  ['compose-backup', 'an hour of orders', ARCHIVING, 'archive_timeout = 60s', 'archive_timeout = 3600s'],
  [
    'compose-backup',
    'settings that nobody reads',
    'deployment/docker/postgres/postgresql.conf',
    'include_if_exists',
    '#include_if_exists',
  ],
  ['compose-backup', 'no socket', 'deployment/docker/backup/postgresql.conf', ", /var/lib/postgresql'", "'"],
  ['compose-containers', 'a backup that may write anywhere', OVERLAY, 'read_only: true', 'read_only: false'],
  ['compose-containers', 'a backup as root', OVERLAY, "user: '999:999'", "user: '0:0'"],
  ['compose-exposure', 'a backup on the edge', OVERLAY, 'networks: [internal]', 'networks: [internal, edge]'],
  [
    'compose-settings',
    'a key that is not mounted',
    OVERLAY,
    'secrets: [backup_key, redis_backup_urls]',
    'secrets: [redis_backup_urls]',
  ],
];

const sample = (/** @type {string[]} */ ...parts) => parts.join('');

/** Put together here, because this file is searched as well. @type {readonly import('./mutation.mjs').Mutation[]} */
export const SECRET_MUTATIONS = [
  [
    'secrets',
    'a private key in a manual',
    'README.md',
    /$/,
    sample('-----BEGIN', ` PRIVATE KEY-----\n${'Ab1+'.repeat(16)}\n`),
  ],
  [
    'secrets',
    'a key of AWS in a ConfigMap',
    'deployment/overlays/backup/configmap.yaml',
    /$/,
    sample('\nAK', 'IAIOSFODNN7EXAMPLE'),
  ],
  [
    'secrets',
    'a webhook in the routes of alerts',
    'deployment/monitoring/alertmanager/alertmanager.yml',
    /$/,
    sample('\nurl: https://hooks.slack', '.com/services/T0000000/B000/x'),
  ],
  [
    'secrets',
    'a live key of a provider',
    '.env.example',
    /$/,
    sample('\nKEY=sk', `_live_${'a1'.repeat(12)}`),
  ],
  [
    'secrets',
    'a token of the forge in a workflow',
    '.github/workflows/ci.yml',
    /$/,
    sample('\n# gh', `p_${'a1B2'.repeat(9)}`),
  ],
  [
    'secrets',
    'a Secret with its content',
    'deployment/k8s/configmap.yaml',
    /^/,
    sample('apiVersion: v1\nkind: ', 'Secret\nmetadata: { name: a }\ndata:\n  a: YQ==\n---\n'),
  ],
  [
    'secrets',
    'a signed token in a script',
    'deployment/scripts/smoke.sh',
    /$/,
    sample('\n# ey', `J${'hbGci'.repeat(4)}.ey`, `J${'zdWIi'.repeat(4)}.${'c2ln'.repeat(9)}`),
  ],
];
