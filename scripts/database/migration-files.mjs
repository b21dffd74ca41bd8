// @ts-check
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Where the schema and the migrations are unless a test points elsewhere. */
export const PRISMA_DIRECTORY = join(PROJECT, 'prisma');

/**
 * The migrations of a Prisma directory in the form in which the schema engine takes them.
 *
 * @param {string} prismaDirectory
 * @returns {import('@prisma/schema-engine-wasm/schema_engine_bg').MigrationList}
 */
export function readMigrations(prismaDirectory) {
  const baseDir = join(prismaDirectory, 'migrations');
  const lockfile = join(baseDir, 'migration_lock.toml');
  const names = existsSync(baseDir)
    ? readdirSync(baseDir, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort()
    : [];
  return {
    baseDir,
    lockfile: {
      path: './migration_lock.toml',
      content: existsSync(lockfile) ? readFileSync(lockfile, 'utf8') : null,
    },
    shadowDbInitScript: '',
    migrationDirectories: names.map((name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: readMigration(prismaDirectory, name) },
      },
    })),
  };
}

/**
 * @param {string} prismaDirectory
 * @param {string} name
 */
export function readMigration(prismaDirectory, name) {
  return readFileSync(join(prismaDirectory, 'migrations', name, 'migration.sql'), 'utf8');
}

/**
 * The schema in the form in which the schema engine takes it.
 *
 * @param {string} prismaDirectory
 */
export function readSchema(prismaDirectory) {
  const path = join(prismaDirectory, 'schema.prisma');
  return { files: [{ path, content: readFileSync(path, 'utf8') }] };
}
