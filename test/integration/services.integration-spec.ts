import { Redis as RedisClient } from 'ioredis';
import pg from 'pg';
import { startTestServices, type TestServices } from '../support/services/index.js';

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function command(url: string, ...args: [string, ...string[]]): Promise<unknown> {
  const client = new RedisClient(url, { lazyConnect: true, retryStrategy: null, commandTimeout: 1_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(...args);
  } finally {
    client.disconnect();
  }
}

describe('test services on the shared servers', () => {
  let services: TestServices;
  let others: TestServices;

  beforeAll(async () => {
    [services, others] = await Promise.all([startTestServices(), startTestServices()]);
  });

  afterAll(async () => {
    await Promise.all([services.close(), others.close()]);
  });

  it('gives each caller a migrated database of its own', async () => {
    const [migrated] = await query(
      services.databaseUrl,
      'SELECT count(*)::int AS count FROM _prisma_migrations',
    );
    expect(migrated?.['count']).toBeGreaterThan(0);

    await query(services.databaseUrl, 'CREATE TABLE only_here (id int)');
    const [found] = await query(others.databaseUrl, "SELECT to_regclass('only_here') AS found");
    expect(found?.['found']).toBeNull();
  });

  it('bounds what a session of the application may take, on the replica as well', async () => {
    for (const url of [services.databaseUrl, services.replicaUrl])
      expect(
        await query(url, `SELECT name, setting FROM pg_settings WHERE source = 'user' ORDER BY name`),
      ).toEqual(
        expect.arrayContaining([
          { name: 'idle_in_transaction_session_timeout', setting: '60000' },
          { name: 'lock_timeout', setting: '30000' },
          { name: 'statement_timeout', setting: '60000' },
        ]),
      );
  });

  it('streams every commit to a replica that refuses writes', async () => {
    await query(services.databaseUrl, 'CREATE TABLE streamed AS SELECT 42 AS answer');
    await services.waitForReplica();
    expect(await query(services.replicaUrl, 'SELECT answer FROM streamed')).toEqual([{ answer: 42 }]);
    await expect(query(services.replicaUrl, 'DELETE FROM streamed')).rejects.toThrow('read-only transaction');
  });

  it('runs a Redis of its own that never evicts and keeps nothing over a restart', async () => {
    expect(services.redis.port).not.toBe(others.redis.port);
    expect(await command(services.redis.url, 'CONFIG', 'GET', 'maxmemory-policy')).toEqual([
      'maxmemory-policy',
      'noeviction',
    ]);
    await command(services.redis.url, 'SET', 'key', 'value');
    services.redis.kill();
    await services.redis.waitForExit();
    await expect(command(services.redis.url, 'PING')).rejects.toThrow();
    await services.redis.restart();
    expect(await command(services.redis.url, 'GET', 'key')).toBeNull();
  });

  it('stops a Redis that hangs', async () => {
    const redis = await services.startAnotherRedis();
    redis.kill('SIGSTOP');
    await expect(command(redis.url, 'PING')).rejects.toThrow();
    await redis.stop();
    await expect(command(redis.url, 'PING')).rejects.toThrow();
  });
});

describe('test services with a PostgreSQL of their own', () => {
  let services: TestServices;

  beforeAll(async () => {
    services = await startTestServices({ dedicatedPostgres: true });
  });

  afterAll(async () => {
    await services.close();
  });

  it('lets a test kill the primary while the replica answers, and start it again', async () => {
    const { postgres } = services;
    if (postgres === undefined) throw new Error('a dedicated PostgreSQL was asked for');
    await query(services.databaseUrl, 'CREATE TABLE kept AS SELECT 1 AS id');
    await services.waitForReplica();

    postgres.primary.kill();
    await postgres.primary.waitForExit();
    await expect(query(services.databaseUrl, 'SELECT 1')).rejects.toThrow();
    expect(await query(services.replicaUrl, 'SELECT id FROM kept')).toEqual([{ id: 1 }]);

    await postgres.primary.start();
    expect(await query(services.databaseUrl, 'SELECT id FROM kept')).toEqual([{ id: 1 }]);
  });

  it('lets a test hold the replica back', async () => {
    await query(services.replicaSuperuserUrl, 'SELECT pg_wal_replay_pause()');
    await query(services.databaseUrl, 'CREATE TABLE late AS SELECT 1 AS id');
    await expect(query(services.replicaUrl, 'SELECT id FROM late')).rejects.toThrow('does not exist');
    await query(services.replicaSuperuserUrl, 'SELECT pg_wal_replay_resume()');
    await services.waitForReplica();
    expect(await query(services.replicaUrl, 'SELECT id FROM late')).toEqual([{ id: 1 }]);
  });
});
