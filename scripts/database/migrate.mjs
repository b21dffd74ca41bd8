// @ts-check
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { StartError } from '../services/start-error.mjs';
import { PRISMA_DIRECTORY, readMigration, readMigrations, readSchema } from './migration-files.mjs';
import { connectionConfig } from './engine-adapter.mjs';
import { withSchemaEngine } from './schema-engine.mjs';

/** Any number will do as long as nothing else in the database takes the same advisory lock. */
const MIGRATION_LOCK = 7_402_619;

const RETRIABLE = new Set(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', '57P03']);

/**
 * Applies the migrations that the database does not have yet, in order. Any number of processes may
 * call it at once: they take turns, and all but the first find nothing to do. A migration is atomic:
 * when one fails, those before it stay, it leaves nothing behind, and the next run tries it again. The
 * exception is a migration with CREATE INDEX CONCURRENTLY, which must stand alone in its file.
 *
 * Needs a direct connection: PgBouncer in transaction mode would break the lock.
 *
 * @param {string} url
 * @param {object} [options]
 * @param {(line: string) => void} [options.log]
 * @param {number} [options.waitMs] How long to wait for a server that does not answer yet, and for another migration to finish.
 * @param {string} [options.prismaDirectory]
 * @returns {Promise<string[]>} the names of the migrations that this call applied
 * @throws {StartError} with one clear line
 */
export async function migrate(
  url,
  { log = () => {}, waitMs = 60_000, prismaDirectory = PRISMA_DIRECTORY } = {},
) {
  const deadline = Date.now() + waitMs;
  const session = await connectWithin(url, deadline);
  try {
    await lockWithin(session, deadline, log);
    return await withSchemaEngine(url, readSchema(prismaDirectory), async (engine) => {
      try {
        const { appliedMigrationNames } = await engine.applyMigrations({
          migrationsList: readMigrations(prismaDirectory),
          filters: { externalTables: [], externalEnums: [] },
        });
        for (const name of appliedMigrationNames) log(`applied ${name}`);
        return appliedMigrationNames;
      } catch (error) {
        await forgetAtomicFailures(session, engine, prismaDirectory);
        throw migrationError(error);
      }
    });
  } finally {
    await session.end().catch(() => {});
  }
}

/**
 * The migrations that the database lacks, without applying them. Empty means it is up to date.
 *
 * @param {string} url
 * @param {{ prismaDirectory?: string }} [options]
 * @returns {Promise<string[]>}
 */
export async function pendingMigrations(url, { prismaDirectory = PRISMA_DIRECTORY } = {}) {
  const session = await connectWithin(url, Date.now());
  try {
    const known = await session
      .query(
        'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
      )
      .then(
        ({ rows }) =>
          new Set(rows.map((/** @type {{ migration_name: string }} */ row) => row.migration_name)),
      )
      .catch(() => new Set());
    return readMigrations(prismaDirectory)
      .migrationDirectories.map(({ path }) => path)
      .filter((name) => !known.has(name));
  } finally {
    await session.end();
  }
}

/**
 * @param {string} url
 * @param {number} deadline
 */
async function connectWithin(url, deadline) {
  for (;;) {
    const client = new pg.Client({
      ...connectionConfig(url),
      connectionTimeoutMillis: 5_000,
      application_name: 'caudal-migrate',
    });
    client.on('error', () => {});
    try {
      await client.connect();
      return client;
    } catch (cause) {
      await client.end().catch(() => {});
      const { code } = /** @type {{ code?: string }} */ (cause);
      if (code === undefined || !RETRIABLE.has(code) || Date.now() > deadline) {
        const { host, port, database } = connectionConfig(url);
        throw new StartError(
          `cannot connect to PostgreSQL at ${String(host)}:${String(port)}/${String(database)}: ${firstLine(cause)}`,
          { cause },
        );
      }
      await sleep(250);
    }
  }
}

/**
 * Polls instead of waiting inside PostgreSQL: a waiting statement holds a snapshot, and CREATE INDEX
 * CONCURRENTLY in the process that holds the lock would wait for that snapshot for ever.
 *
 * @param {pg.Client} session
 * @param {number} deadline
 * @param {(line: string) => void} log
 */
async function lockWithin(session, deadline, log) {
  for (let attempt = 0; ; attempt += 1) {
    const { rows } = await session.query('SELECT pg_try_advisory_lock($1) AS taken', [MIGRATION_LOCK]);
    if (/** @type {{ taken: boolean }[]} */ (rows)[0]?.taken === true) return;
    if (attempt === 0) log('waiting for another migration of this database to finish');
    if (Date.now() > deadline)
      throw new StartError('another migration of this database has not finished: try again later');
    await sleep(100);
  }
}

/**
 * The engine notes a failed migration and refuses every later run until a person decides what is left
 * of it. Nothing is left of an atomic one, so that decision is taken here.
 *
 * @param {pg.Client} session
 * @param {import('./schema-engine.mjs').SchemaEngine} engine
 * @param {string} prismaDirectory
 */
async function forgetAtomicFailures(session, engine, prismaDirectory) {
  const failed = await session
    .query(
      "SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL AND logs <> ''",
    )
    .then(({ rows }) => rows.map((/** @type {{ migration_name: string }} */ row) => row.migration_name))
    .catch(() => []);
  for (const migrationName of failed) {
    const isAtomic = !/\bconcurrently\b|^\s*(commit|rollback)\b/im.test(
      readMigration(prismaDirectory, migrationName),
    );
    if (isAtomic) await engine.markMigrationRolledBack({ migrationName });
  }
}

/**
 * Keeps what PostgreSQL said and which migration it said it about; the rest is the engine's own trace.
 *
 * @param {unknown} error
 */
function migrationError(error) {
  const text = error instanceof Error ? error.message : String(error);
  const reason = /^.*ERROR: .*$/m.exec(text)?.[0].replace(/^.*?ERROR: /, '') ?? firstLine(error);
  const name = /migration_name="([^"]+)"/.exec(text)?.[1];
  const line = `${name === undefined ? 'the migrations' : `migration ${name}`} could not be applied: ${reason}`;
  return new StartError(line, { cause: error, detail: name === undefined ? text : '' });
}

/** @param {unknown} error */
function firstLine(error) {
  const text =
    error instanceof Error ? error.message || /** @type {{ code?: string }} */ (error).code : String(error);
  return (text ?? '').trim().split('\n')[0] ?? '';
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const url = process.env['DATABASE_URL'];
  try {
    if (!url) throw new StartError('DATABASE_URL is not set: say which database to migrate');
    const applied = await migrate(url, { log: console.log });
    console.log(
      applied.length === 0 ? 'the database is up to date' : `applied ${String(applied.length)} migration(s)`,
    );
    process.exit(0);
  } catch (error) {
    console.error(error instanceof StartError ? error.message : error);
    if (error instanceof StartError && error.detail) console.error(error.detail);
    process.exit(1);
  }
}
