// @ts-check
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StartError } from '../services/start-error.mjs';
import { PRISMA_DIRECTORY, readMigrations, readSchema } from './migration-files.mjs';
import { withSchemaEngine } from './schema-engine.mjs';

/**
 * The SQL that leads from what the migrations build to what the schema says; empty when both say the
 * same. The migrations run in a shadow database that exists only for this call, so the database of the
 * connection is neither read nor changed; its role must be allowed to create databases.
 *
 * @param {string} url
 * @param {{ prismaDirectory?: string }} [options]
 * @returns {Promise<string>}
 */
export async function diffMigrationsToSchema(url, { prismaDirectory = PRISMA_DIRECTORY } = {}) {
  const schema = readSchema(prismaDirectory);
  return withSchemaEngine(url, schema, async (engine) => {
    const { stdout } = await engine.diff({
      from: { tag: 'migrations', ...readMigrations(prismaDirectory) },
      to: { tag: 'schemaDatamodel', ...schema },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    const sql = (stdout ?? '').trim();
    return sql === '-- This is an empty migration.' ? '' : sql;
  });
}

/**
 * Writes the difference as a new migration folder, ready for the SQL that Prisma cannot say.
 *
 * @param {string} sql
 * @param {string} name
 * @param {{ prismaDirectory?: string, now?: Date }} [options]
 * @returns {string} the path of the new file
 */
export function writeMigration(sql, name, { prismaDirectory = PRISMA_DIRECTORY, now = new Date() } = {}) {
  const timestamp = now.toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const directory = join(prismaDirectory, 'migrations', `${timestamp}_${name}`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'migration.sql'), `${sql}\n`);
  return join(directory, 'migration.sql');
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const url = process.env['DATABASE_URL'];
    const name = process.argv[2];
    if (!url)
      throw new StartError(
        'DATABASE_URL is not set: the difference is computed on a server, in a database of its own',
      );
    if (name !== undefined && !/^[a-z][a-z0-9_]*$/.test(name)) {
      throw new StartError(`"${name}" is no migration name: use lower-case letters, digits and underscores`);
    }
    const sql = await diffMigrationsToSchema(url);
    if (sql === '') console.log('the migrations and the schema say the same');
    else if (name === undefined) console.log(sql);
    else console.log(`wrote ${writeMigration(sql, name)}`);
    process.exit(sql !== '' && name === undefined ? 2 : 0);
  } catch (error) {
    console.error(error instanceof StartError ? error.message : error);
    process.exit(1);
  }
}
