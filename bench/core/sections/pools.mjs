// P1, P3, P5: the pools beside @prisma/extension-read-replicas, on a primary with two replicas of its own.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readReplicas } from '@prisma/extension-read-replicas';
import { PrismaPg } from '@prisma/adapter-pg';
import { loadConfig } from '../../../dist/config/index.js';
import { OptimizedPrismaService, PrismaClient } from '../../../dist/infrastructure/database/prisma/index.js';
import { createLogger } from '../../../dist/infrastructure/logging/index.js';
import { Metrics } from '../../../dist/infrastructure/metrics/index.js';
import { migrate } from '../../../scripts/database/migrate.mjs';
import { queryAsSuperuser } from '../../../scripts/services/postgres-roles.mjs';
import { startPostgres } from '../../../scripts/services/postgres.mjs';

const PEER = '@prisma/extension-read-replicas 0.5';
const PAIRS = 10_000;
const QUERIES = 2000;
const WORKERS = 8;

/** @type {(() => Promise<unknown> | void)[]} */
const closing = [];

/**
 * @param {number} count
 * @param {(index: number) => Promise<void>} work
 */
async function each(count, work) {
  let next = 0;
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      for (let index = next++; index < count; index = next++) await work(index);
    }),
  );
}

async function open() {
  const dataDir = mkdtempSync(join(tmpdir(), 'caudal-bench-'));
  chmodSync(dataDir, 0o755);
  closing.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const postgres = await startPostgres({ dataDir, replica: { count: 2 }, durable: false });
  closing.push(() => postgres.stop());
  await migrate(postgres.url);
  const metrics = new Metrics();
  const database = new OptimizedPrismaService(
    loadConfig({
      DATABASE_URL: postgres.url,
      DATABASE_REPLICA_URLS: postgres.replicaUrls.join(','),
      LOG_LEVEL: 'silent',
    }),
    createLogger('silent'),
    metrics,
  );
  closing.push(() => database.onApplicationShutdown());
  const plainOf = (/** @type {string} */ url) =>
    new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 40 }) });
  const plain = plainOf(postgres.url);
  const replicas = postgres.replicaUrls.map(plainOf);
  const peer = plain.$extends(readReplicas({ replicas }));
  closing.push(() => Promise.all([plain, ...replicas].map((client) => client.$disconnect())));
  await database.ping();

  let serial = 0;
  const nextSlug = () => `bench-${String((serial += 1))}`;
  const replay = (/** @type {'pause' | 'resume'} */ state) =>
    Promise.all(
      postgres.replicaSuperuserUrls.map((url) => queryAsSuperuser(url, `SELECT pg_wal_replay_${state}()`)),
    );
  const insert =
    'INSERT INTO categories (id, slug, name, ancestor_ids) VALUES (gen_random_uuid(), $1, $1, ARRAY[]::uuid[])';

  /** @param {(slug: string) => Promise<boolean>} isShown */
  const staleShare = async (isShown) => {
    await replay('pause');
    let stale = 0;
    try {
      await each(PAIRS, async () => {
        if (!(await isShown(nextSlug()))) stale += 1;
      });
    } finally {
      await replay('resume');
    }
    return (100 * stale) / PAIRS;
  };
  /** @param {() => Promise<unknown>} query */
  const microsecondsPer = async (query) => {
    const startMs = performance.now();
    for (let index = 0; index < QUERIES; index += 1) await query();
    return (1000 * (performance.now() - startMs)) / QUERIES;
  };
  const where = { slug: 'nothing' };
  const readOurs = () => database.read(null, (client) => client.category.findFirst({ where }));
  const readPlain = () => /** @type {any} */ (replicas[0]).category.findFirst({ where });
  // The compiler's part, which whoever is measured first would pay for both.
  await microsecondsPer(readPlain);
  await microsecondsPer(readOurs);

  return [
    {
      id: 'P1',
      what: 'stale reads of 10,000 behind a write of their own, no replica replaying, %',
      ours: () =>
        staleShare(async (slug) => {
          const { position } = await database.sqlTransactionAfter(
            () => Promise.resolve(),
            (transaction) => transaction.execute(insert, [slug]),
          );
          return (
            (await database.read(position, (client) => client.category.findFirst({ where: { slug } }))) !==
            null
          );
        }),
      peer: {
        name: PEER,
        measure: () =>
          staleShare(async (slug) => {
            await plain.$executeRawUnsafe(insert, slug);
            return (await peer.category.findFirst({ where: { slug } })) !== null;
          }),
      },
      target: { is: 'value', at: 'most', bound: 0 },
      rounds: 1,
    },
    {
      id: 'P3',
      what: 'time of one read, µs',
      ours: () => microsecondsPer(readOurs),
      peer: { name: 'Prisma on one replica', measure: () => microsecondsPer(readPlain) },
      target: { is: 'ratio', at: 'most', bound: 1.1 },
    },
    {
      id: 'P5',
      what: 'share of reads on replicas, every hundredth a write, %',
      ours: async () => {
        const count = async (/** @type {string} */ node) =>
          Number(
            new RegExp(`^database_reads_total\\{node="${node}"\\} (\\d+)`, 'm').exec(
              await metrics.registry.metrics(),
            )?.[1] ?? 0,
          );
        const before = [await count('replica'), await count('primary')];
        /** @type {bigint | null} */
        let position = null;
        await each(QUERIES, async (index) => {
          if (index % 100 === 0) {
            ({ position } = await database.sqlTransactionAfter(
              () => Promise.resolve(),
              (transaction) => transaction.execute(insert, [nextSlug()]),
            ));
            return;
          }
          await database.read(position, (client) => client.category.findFirst({ where }));
        });
        const [replica, primary] = [
          (await count('replica')) - (before[0] ?? 0),
          (await count('primary')) - (before[1] ?? 0),
        ];
        return (100 * replica) / (replica + primary);
      },
      target: { is: 'value', at: 'least', bound: 80 },
      rounds: 3,
    },
  ];
}

async function close() {
  while (closing.length > 0) await closing.pop()?.();
}

export default { open, close };
