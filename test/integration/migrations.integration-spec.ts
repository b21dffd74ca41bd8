import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { diffMigrationsToSchema, writeMigration } from '../../scripts/database/diff.mjs';
import { migrate, pendingMigrations } from '../../scripts/database/migrate.mjs';
import { getSharedServices } from '../support/services/shared-services.js';
import { query } from '../support/services/test-database.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const projectPrisma = join(import.meta.dirname, '../../prisma');

describe('migrations', () => {
  const { superuserUrl, url: applicationUrl } = getSharedServices();
  let name: string;
  let url: string;
  let prismaDirectory: string;

  const addMigration = (folder: string, sql: string): void => {
    const directory = join(prismaDirectory, 'migrations', folder);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'migration.sql'), sql);
  };
  const relationExists = async (relation: string): Promise<boolean> =>
    (await query(url, [`SELECT to_regclass('${relation}') IS NOT NULL AS found`]))[0]?.['found'] === true;

  beforeEach(async () => {
    name = `m_${randomBytes(8).toString('hex')}`;
    await query(superuserUrl, [`CREATE DATABASE ${name} OWNER caudal`]);
    url = applicationUrl.replace(/\/[^/]*$/, `/${name}`);
    prismaDirectory = temporaryFolder('caudal-prisma');
    cpSync(projectPrisma, prismaDirectory, { recursive: true });
  });

  afterEach(async () => {
    await query(superuserUrl, [`DROP DATABASE ${name} WITH (FORCE)`]);
  });

  it('are applied once when several processes start at the same moment', async () => {
    const all = await pendingMigrations(url, { prismaDirectory });
    expect(all.length).toBeGreaterThan(0);

    const applied = await Promise.all([1, 2, 3].map(() => migrate(url, { prismaDirectory })));
    expect(applied.flat()).toEqual(all);
    expect(await pendingMigrations(url, { prismaDirectory })).toEqual([]);
  });

  it('leave nothing of a migration that fails half-way, and apply it once it is mended', async () => {
    await migrate(url, { prismaDirectory });
    addMigration(
      '29990101000000_faulty',
      'CREATE TABLE half (id int);\n\nSELECT no_such_column FROM half;\n',
    );

    const failure = migrate(url, { prismaDirectory });
    await expect(failure).rejects.toThrow(
      /29990101000000_faulty could not be applied: .*no_such_column.*line 3/,
    );
    expect(await relationExists('half')).toBe(false);
    // The second attempt meets the same fault and not a refusal because of the first.
    await expect(migrate(url, { prismaDirectory })).rejects.toThrow('no_such_column');

    addMigration('29990101000000_faulty', 'CREATE TABLE half (id int);\n');
    expect(await migrate(url, { prismaDirectory })).toEqual(['29990101000000_faulty']);
    expect(await relationExists('half')).toBe(true);
  });

  it('may hold functions, DO blocks and a lone concurrent index', async () => {
    addMigration(
      '29990101000000_function',
      `CREATE TABLE counted (id int);
       CREATE FUNCTION count_up() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; RETURN 2; END; $$;
       DO $$ BEGIN IF count_up() = 2 THEN INSERT INTO counted VALUES (1); END IF; END; $$;`,
    );
    addMigration('29990101000001_index', 'CREATE INDEX CONCURRENTLY counted_id ON counted (id);');
    // A second process that waits its turn must not hold the snapshot the index waits for.
    await Promise.all([migrate(url, { prismaDirectory }), migrate(url, { prismaDirectory })]);
    expect(await query(url, ['SELECT id FROM counted'])).toEqual([{ id: 1 }]);
    expect(await relationExists('counted_id')).toBe(true);
  });

  it('say in one line that the server does not answer', async () => {
    await expect(migrate('postgresql://caudal:x@127.0.0.1:1/caudal', { waitMs: 300 })).rejects.toThrow(
      /^cannot connect to PostgreSQL at 127\.0\.0\.1:1\/caudal: .*ECONNREFUSED/,
    );
  });

  it('give the events of an outbox in use room for their trace, in every partition', async () => {
    const added = '20261122160000_outbox_traceparent';
    const directory = join(prismaDirectory, 'migrations', added);
    rmSync(directory, { recursive: true });
    await migrate(url, { prismaDirectory });
    // One in a partition of its own, one in the default one.
    const insert = `INSERT INTO outbox_events (id, type, aggregate_id, payload, created_at)
      VALUES (gen_random_uuid(), 'old.v1', gen_random_uuid(), '{}', $at)`;
    const times = ['now()', "'2001-01-01Z'"];
    await query(
      url,
      times.map((at) => insert.replace('$at', at)),
    );

    cpSync(join(projectPrisma, 'migrations', added), directory, { recursive: true });
    expect(await migrate(url, { prismaDirectory })).toContain(added);
    const rows = await query(url, [
      "SELECT ensure_partition('outbox_events', '2100-01-01Z', '2100-01-02Z', '21000101')",
      // A process of the release before goes on writing.
      insert.replace('$at', "'2100-01-01T12:00Z'"),
      `UPDATE outbox_events SET traceparent = 'a' WHERE created_at > '2100-01-01Z'`,
      `SELECT DISTINCT tableoid::regclass::text <> 'outbox_events_default' AS "hasPartition", traceparent
       FROM outbox_events ORDER BY 1, 2`,
    ]);
    expect(rows).toEqual([
      { hasPartition: false, traceparent: null },
      { hasPartition: true, traceparent: 'a' },
      { hasPartition: true, traceparent: null },
    ]);
  });

  it('give what waits in an outbox in use its batch, and what a process of the release before writes', async () => {
    const added = '20261122220000_outbox_batches';
    const directory = join(prismaDirectory, 'migrations', added);
    rmSync(directory, { recursive: true });
    await migrate(url, { prismaDirectory });
    const insert = (type: string, publishedAt: string) =>
      `INSERT INTO outbox_events (id, type, aggregate_id, payload, published_at)
       VALUES (gen_random_uuid(), '${type}', gen_random_uuid(), '{}', ${publishedAt})`;
    await query(url, [insert('left.v1', 'now()'), insert('waits.v1', 'NULL')]);

    cpSync(join(projectPrisma, 'migrations', added), directory, { recursive: true });
    expect(await migrate(url, { prismaDirectory })).toContain(added);
    const rows = await query(url, [
      insert('later.v1', 'NULL'),
      // Its relay goes on as well.
      `UPDATE outbox_events SET published_at = now() WHERE published_at IS NULL`,
      `SELECT e.type, b.events FROM outbox_batches b
       JOIN outbox_events e ON e.created_at = b.created_at AND e.batch_id = b.id ORDER BY e.type`,
    ]);
    expect(rows).toEqual([
      { type: 'later.v1', events: 1 },
      { type: 'waits.v1', events: 1 },
    ]);
  });

  it('build exactly the schema', async () => {
    expect(await diffMigrationsToSchema(url)).toBe('');
  });

  it('show what the schema has and they lack, without touching the database, and can be written from that', async () => {
    const schema = join(prismaDirectory, 'schema.prisma');
    writeFileSync(
      schema,
      `${readFileSync(schema, 'utf8')}\nmodel Planted {\n  id Int @id\n  note String\n}\n`,
    );

    const sql = await diffMigrationsToSchema(url, { prismaDirectory });
    expect(sql).toContain('CREATE TABLE "Planted"');
    expect(await relationExists('"Planted"')).toBe(false);

    const written = writeMigration(sql, 'planted', {
      prismaDirectory,
      now: new Date('2999-01-02T03:04:05Z'),
    });
    expect(written).toContain('29990102030405_planted');
    expect(readdirSync(join(prismaDirectory, 'migrations'))).toContain('29990102030405_planted');
    expect(await diffMigrationsToSchema(url, { prismaDirectory })).toBe('');
  });

  it('leave no shadow database behind', async () => {
    await diffMigrationsToSchema(url);
    const left = await query(superuserUrl, [
      "SELECT datname FROM pg_database WHERE datname LIKE 'prisma_migrate_shadow%'",
    ]);
    expect(left).toEqual([]);
  });
});
