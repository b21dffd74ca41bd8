// @ts-check
// A PostgreSQL of its own that the shipped scripts back up, in a folder that goes with it.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Unavailable } from '../rehearsal/cache.mjs';
import { startGuard } from '../services/guard.mjs';
import { giveTo } from '../services/postgres-host.mjs';
import { PROJECT } from '../setup/project.mjs';
import { startArchivingPostgres } from './archiving-postgres.mjs';
import { findDrillTools } from './drill-tools.mjs';

const execute = promisify(execFile);

/**
 * @typedef {object} BackupPlaces
 * @property {string} BACKUP_DIR
 * @property {string} BACKUP_KEY_FILE
 * @property {string} BACKUP_METRICS_DIR
 * @property {string} PGBACKREST_CONFIG
 * @property {string} PGBACKREST_LOCK_PATH
 */

/**
 * @param {import('../rehearsal/cache.mjs').Rehearsal} rehearsal
 * @param {object} options
 * @param {string} options.name of the folder
 * @param {number} options.archiveTimeoutSeconds
 * @param {(work: string) => NodeJS.ProcessEnv} [options.envOf] more for the server and the scripts
 * @throws {Unavailable} where a program cannot be had
 */
export async function openBackupStage({ say, later }, { name, archiveTimeoutSeconds, envOf = () => ({}) }) {
  const tools = await findDrillTools(say);
  if ('missing' in tools) throw new Unavailable(`${tools.missing} cannot be had here`);
  const work = mkdtempSync(join(tmpdir(), `caudal-${name}-`));
  // The account of PostgreSQL enters it, and may not be able to enter the checkout.
  chmodSync(work, 0o755);
  const runDir = join(work, 'run');
  const guard = startGuard({ runDir, remove: [work] });
  later(() => guard.release());

  // pgBackRest wants an archive_command with its name in it.
  const scripts = join(work, 'caudal-pgbackrest');
  cpSync(join(PROJECT, 'deployment/scripts'), scripts, { recursive: true });
  /** @param {string} backups @param {string} keyFile @returns {BackupPlaces} */
  const placesOf = (backups, keyFile) => ({
    BACKUP_DIR: backups,
    BACKUP_KEY_FILE: keyFile,
    BACKUP_METRICS_DIR: join(work, 'metrics'),
    PGBACKREST_CONFIG: join(work, 'pgbackrest.conf'),
    PGBACKREST_LOCK_PATH: join(work, 'lock'),
  });
  const places = placesOf(join(work, 'backups'), join(work, 'key'));
  cpSync(join(PROJECT, 'deployment/docker/backup/pgbackrest.conf'), places.PGBACKREST_CONFIG);
  writeFileSync(places.BACKUP_KEY_FILE, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const folders = [places.BACKUP_DIR, places.BACKUP_METRICS_DIR, places.PGBACKREST_LOCK_PATH];
  const postgresFolder = join(work, 'pg');
  for (const path of [...folders, postgresFolder]) mkdirSync(path);

  const env = envOf(work);
  const postgres = await startArchivingPostgres({
    directory: postgresFolder,
    serverPrograms: tools.serverPrograms,
    runDir,
    archiveCommand: `${join(scripts, 'backup.sh')} wal %p`,
    archiveTimeoutSeconds,
    env: { ...places, ...env },
  });
  const { identity } = postgres.host;
  for (const path of [places.BACKUP_KEY_FILE, ...folders]) giveTo(path, identity);

  return {
    ...{ work, runDir, postgres, postgresFolder, identity, places, placesOf },
    /**
     * Runs one of deployment/scripts as the account of PostgreSQL.
     *
     * @param {readonly string[]} command
     * @param {NodeJS.ProcessEnv} [more]
     * @returns {Promise<string>} what it printed
     */
    script: async ([script = '', ...args], more) => {
      const { stdout } = await execute(join(scripts, script), args, {
        cwd: work,
        env: {
          PATH: process.env['PATH'],
          LC_ALL: 'C',
          ...places,
          PGBACKREST_PG1_PATH: postgres.dataDir,
          PGBACKREST_PG1_PORT: String(postgres.port),
          PGBACKREST_PG1_SOCKET_PATH: postgresFolder,
          PGBACKREST_PG1_USER: 'postgres',
          ...env,
          ...more,
        },
        ...identity,
      });
      return stdout.trim();
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof openBackupStage>>} BackupStage */
