import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { SharedServices } from './shared-services.js';

/** A database of its own on the shared servers, with the schema and without data. */
export interface TestDatabase {
  readonly name: string;
  readonly databaseUrl: string;
  readonly replicaUrl: string;
  /** For what only a superuser may do, such as ending other sessions. */
  readonly superuserUrl: string;
  readonly replicaSuperuserUrl: string;
  drop(): Promise<void>;
}

/** Copies the migrated template and waits until the replica has the copy. */
export async function createTestDatabase(shared: SharedServices): Promise<TestDatabase> {
  const name = `t_${randomBytes(8).toString('hex')}`;
  const [created] = await query(shared.superuserUrl, [
    `CREATE DATABASE ${name} OWNER caudal TEMPLATE caudal_template`,
    'SELECT pg_current_wal_flush_lsn() AS lsn',
  ]);
  await waitForReplay(shared.replicaSuperuserUrl, String(created?.['lsn']));
  return {
    name,
    databaseUrl: withDatabase(shared.url, name),
    replicaUrl: withDatabase(shared.replicaUrl, name),
    superuserUrl: withDatabase(shared.superuserUrl, name),
    replicaSuperuserUrl: withDatabase(shared.replicaSuperuserUrl, name),
    drop: async () => {
      await query(shared.superuserUrl, [`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`]);
    },
  };
}

/** Waits until the replica has replayed the given position of the write-ahead log. */
export async function waitForReplay(replicaUrl: string, lsn: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const [row] = await query(replicaUrl, [
      `SELECT pg_last_wal_replay_lsn() >= '${lsn}'::pg_lsn AS replayed`,
    ]);
    if (row?.['replayed'] === true) return;
    if (Date.now() > deadline) throw new Error(`the replica has not replayed ${lsn} within 30 s`);
    await sleep(5);
  }
}

/** Runs the statements on one connection and returns the rows of the last one. */
export async function query(url: string, statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) {
      rows = (await client.query<Record<string, unknown>>(statement)).rows;
    }
    return rows;
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, name: string): string {
  return url.replace(/\/[^/]*$/, `/${name}`);
}
