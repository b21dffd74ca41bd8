// @ts-check
import { found } from './pod-rules.mjs';

/**
 * @typedef {import('../manifests.mjs').Finding} Finding
 * @typedef {import('../compose-stack.mjs').Stack} Stack
 */

const REPOSITORY = '/var/lib/caudal-backup';
const METRICS = '/var/lib/caudal-backup-metrics';
const SETTINGS = './deployment/docker/backup:/etc/caudal-backup:ro';
/** The alert of old backups waits for as long. */
const AGE_MAX_HOURS = 26;
const WAL_SECONDS_MAX = 60;

/**
 * With a service `backup`: whichever server is the primary archives its WAL into the repository that the service fills, it
 * reads the data of all of them and cannot write them, and it says when its last backup is too old.
 *
 * @param {Stack} stack
 * @returns {Finding[]}
 */
export function composeBackup({ services, files, secrets }) {
  const backup = services.get('backup');
  if (backup === undefined) return [];
  const base = files.get('deployment/docker/postgres/postgresql.conf') ?? '';
  const added = files.get('deployment/docker/backup/postgresql.conf') ?? '';
  const archiving = files.get('deployment/docker/backup/archiving.conf') ?? '';
  const volumes = backup.volumes ?? [];
  const repository = volumes.find((volume) => volume.endsWith(`:${REPOSITORY}`)) ?? '';
  const [, timeout] = /^archive_timeout = (\d+)s$/m.exec(archiving) ?? [];
  const servers = [...services].filter(([name]) => name.startsWith('postgres-'));
  const keyOf = (/** @type {import('../compose-stack.mjs').Service | undefined} */ service) =>
    service?.environment?.['BACKUP_KEY_FILE'] ?? '';
  const ageMax = Number(backup.environment?.['BACKUP_AGE_MAX_HOURS']);
  const hour = Number(backup.environment?.['BACKUP_HOUR']);
  const metrics = services.get('backup-metrics');
  return [
    ...found('compose-backup', 'backup', [
      !/^[\w-]+:/.test(repository) && 'its repository is on no volume',
      !keyOf(backup).startsWith('/run/secrets/') && 'its key is no secret',
      !('redis_backup_urls' in secrets) && 'knows no Redis',
      backup.healthcheck?.test?.includes('healthy') !== true && 'does not say when its backups are too old',
      !(ageMax > 24 && ageMax <= AGE_MAX_HOURS) &&
        `is well without a backup of the last ${String(AGE_MAX_HOURS)} hours`,
      !(Number.isInteger(hour) && hour >= 0 && hour < 24) && 'BACKUP_HOUR is no hour',
      ...servers.map(([name, { volumes: own = [] }]) => {
        const data = own.find((volume) => volume.endsWith(':/var/lib/postgresql'))?.split(':')[0] ?? '';
        return (
          !volumes.includes(`${data}:/var/lib/caudal-servers/${name}:ro`) &&
          `does not read the data of ${name}, or can write them`
        );
      }),
      metrics?.volumes?.some((volume) => volume.endsWith(`:${METRICS}:ro`)) !== true &&
        'nobody tells Prometheus how old its backups are',
    ]),
    ...servers.flatMap(([name, service]) =>
      found('compose-backup', name, [
        service.image !== backup.image && 'is not the image of the backups, whose version has to be its own',
        service.volumes?.includes(repository) !== true && 'archives to another place',
        service.volumes?.includes(SETTINGS) !== true && 'does not have the settings that archive',
        keyOf(service) !== keyOf(backup) && 'encrypts by another key',
      ]),
    ),
    ...found('compose-backup', 'settings', [
      !base.includes("\ninclude_if_exists = '/etc/caudal-backup/postgresql.conf'") &&
        'no server reads what archives',
      !/^include 'archiving\.conf'$/m.test(added) && 'archiving.conf is not in force',
      !/^unix_socket_directories = '.*\/var\/lib\/postgresql'$/m.test(added) &&
        'the service finds no server in its volume',
      !/^archive_mode = on$/m.test(archiving) && 'nothing is archived',
      !/^archive_command = '\/opt\/caudal-pgbackrest\/backup\.sh wal %p'$/m.test(archiving) &&
        'segments go elsewhere',
      !(Number(timeout) > 0 && Number(timeout) <= WAL_SECONDS_MAX) &&
        `a lost host costs more than ${String(WAL_SECONDS_MAX)} s`,
    ]),
  ];
}
