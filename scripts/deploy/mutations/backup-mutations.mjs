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
