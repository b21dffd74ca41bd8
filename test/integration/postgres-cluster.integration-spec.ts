import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Postgres, startPostgres } from '../../scripts/services/postgres.mjs';
import { getSharedServices } from '../support/services/shared-services.js';
import { query } from '../support/services/test-database.js';

describe('the embedded PostgreSQL', () => {
  const { runDir } = getSharedServices();
  let dataDir: string;
  let postgres: Postgres | undefined;

  const start = async (options: { maxConnections?: number } = {}): Promise<Postgres> => {
    postgres = await startPostgres({
      dataDir,
      runDir,
      namePrefix: `${dataDir.slice(-6)}-`,
      replica: true,
      durable: false,
      ...options,
    });
    return postgres;
  };
  const stop = async (): Promise<void> => {
    await postgres?.stop();
    postgres = undefined;
  };

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'caudal-cluster-'));
    chmodSync(dataDir, 0o755);
  });

  afterEach(async () => {
    await stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('keeps its data over a restart, with more and with fewer connections, on primary and replica', async () => {
    const first = await start({ maxConnections: 60 });
    expect(first.isNew).toBe(true);
    await query(first.url, ['CREATE TABLE kept AS SELECT 1 AS id']);
    await stop();

    for (const maxConnections of [120, 40]) {
      const again = await start({ maxConnections });
      expect(again.isNew).toBe(false);
      const [replicaUrl = ''] = again.replicaUrls;
      expect(await query(replicaUrl, ['SELECT id FROM kept'])).toEqual([{ id: 1 }]);
      const [row] = await query(again.url, ['SHOW max_connections']);
      // A standby refuses to start with fewer than the primary had, so the number never goes down.
      expect(row).toEqual({ max_connections: '120' });
      await stop();
    }
  });

  it('copies a replica anew that is lost or cannot follow', async () => {
    const first = await start();
    await query(first.url, ['CREATE TABLE kept AS SELECT 1 AS id']);
    const replicaDir = first.replicas[0]?.dataDir ?? '';
    await stop();

    rmSync(replicaDir, { recursive: true });
    const second = await start();
    expect(await query(second.replicaUrls[0] ?? '', ['SELECT id FROM kept'])).toEqual([{ id: 1 }]);
    await stop();

    writeFileSync(join(replicaDir, 'global', 'pg_control'), 'damaged');
    const third = await start();
    expect(await query(third.replicaUrls[0] ?? '', ['SELECT id FROM kept'])).toEqual([{ id: 1 }]);
  });

  it('keeps its passwords to itself and listens on loopback only', async () => {
    const { superuserUrl, url } = await start();
    expect(await query(superuserUrl, ['SHOW listen_addresses'])).toEqual([{ listen_addresses: '127.0.0.1' }]);
    await expect(query(url.replace(/:[^:@]*@/, ':wrong@'), ['SELECT 1'])).rejects.toThrow(
      'authentication failed',
    );
    const [role] = await query(url, ['SELECT rolsuper FROM pg_roles WHERE rolname = current_user']);
    expect(role).toEqual({ rolsuper: false });
  });

  it('says in one line that the data is of another version, or in use', async () => {
    await start();
    await expect(startPostgres({ dataDir, runDir })).rejects.toThrow(
      `is in use by process ${String(process.pid)}`,
    );
    const versionFile = join(postgres?.primary.dataDir ?? '', 'PG_VERSION');
    await stop();

    const version = readFileSync(versionFile, 'utf8');
    writeFileSync(versionFile, '15\n');
    await expect(start()).rejects.toThrow('holds data of PostgreSQL 15, this is 18');
    writeFileSync(versionFile, version);
  });
});
