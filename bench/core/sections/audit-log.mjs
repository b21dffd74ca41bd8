// The audit log beside what one would take or write instead: BullMQ (addBulk of 500, completed jobs removed)
// and a hand-written ioredis pipeline of 100 for the way into Redis, inserts row by row for the way into
// PostgreSQL, the bare hash for the verifier. PostgreSQL runs with fsync, Redis with an append-only file
// (everysec) for every side, and each is done when Redis or the commit has answered. A2 is also the ceiling:
// events per second from `record` to a committed link of a chain, with one process that is producer and sink.
// What the chain costs (A2 chain) is measured against the same statement, also in parts of one transaction and
// into a table of months, without position, link and head: so what is left is what they cost. That is near the
// bound: 1.6 to 2.5 us of Node for a row (0.8 of it the hash; most runs beside the insert when there is a core
// for it) and about 1 us of PostgreSQL (three columns and an index), of 15 to 17 us of both without. A4 has the rows
// at hand as the verifier reads them; the bare hash gets as many bytes, key included. A3 is ../audit-kills.mjs.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { hash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { newId } from '../../../dist/common/ids.js';
import { ChainLinks, GENESIS, textOf } from '../../../dist/core/audit-log/audit-chain.js';
import {
  auditLine,
  FIELD_SEPARATOR,
  LINE_SEPARATOR,
  parseEntry,
  timeOfId,
} from '../../../dist/core/audit-log/audit-entry.js';
import { AuditVerifier } from '../../../dist/core/audit-log/audit-verifier.js';
import { ChainVerifier } from '../../../dist/core/audit-log/chain-verifier.js';
import { migrate } from '../../../scripts/database/migrate.mjs';
import { queryAsSuperuser } from '../../../scripts/services/postgres-roles.mjs';
import { startPostgres } from '../../../scripts/services/postgres.mjs';
import { startRedis } from '../../../scripts/services/redis.mjs';
import { loadSecrets } from '../../../scripts/start/secrets.mjs';
import { runKillRounds } from '../audit-kills.mjs';
import { openAuditLog } from './processes/audit-member.mjs';
import { TAMPERINGS } from './processes/audit-tampering.mjs';

const IN_FLIGHT = 5000;
const PRODUCED = 50_000;
const BULK = 500;
const PIPELINE = 100;
const BATCH = 5000;
/** As the sink has it. */
const PART = 1000;
/** What the key of a link adds on either side. */
const KEY = '-'.repeat(43);
const ROW_BY_ROW = 1000;
const VERIFIED = 50_000;
const PASSES = 7;
const TAMPERINGS_TRIED = 500;
const TAMPERED_LENGTH = 200;
/** No stream has this chain: it is the bench's own. */
const CHAIN = 64;
const SEED = 2026;

/** @type {(() => Promise<unknown> | void)[]} */
const closing = [];

/** @returns {import('../../../dist/core/audit-log/audit-log.js').AuditEvent} */
const eventOf = (/** @type {number} */ n) => ({
  class: 'security',
  actor: 'user:0193f3a0-0000-7000-8000-00000000002a',
  action: 'order.status-changed',
  resource: `order:0193f3a0-0000-7000-8000-${String(n % 997).padStart(12, '0')}`,
  before: { status: 'pending_payment' },
  after: { n, status: 'paid', totalMinor: 1999, currency: 'USD' },
  origin: { requestId: `request-${String(n)}`, traceId: null, ip: '192.0.2.1' },
});

/** @param {number} from @param {number} count */
const entriesOf = (from, count) =>
  Array.from({ length: count }, (_, i) => {
    const entry = parseEntry(newId() + FIELD_SEPARATOR + auditLine(eventOf(from + i), 'security'));
    if (entry === null) throw new Error('no entry');
    return entry;
  });

/**
 * As many at once as all sides may have on their way.
 *
 * @param {number} count
 * @param {number} size of one call
 * @param {(from: number) => Promise<unknown>} send
 * @returns {Promise<number>} events per second
 */
async function throughput(count, size, send) {
  let next = 0;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: IN_FLIGHT / size }, async () => {
      for (let from = (next += size) - size; from < count; from = (next += size) - size) await send(from);
    }),
  );
  return (count * 1000) / (performance.now() - startMs);
}

async function openServers() {
  const directory = mkdtempSync(join(tmpdir(), 'caudal-bench-'));
  chmodSync(directory, 0o755);
  closing.push(() => rmSync(directory, { recursive: true, force: true }));
  const redis = await startRedis({ dir: join(directory, 'redis'), persistent: true });
  closing.push(() => redis.stop());
  const postgres = await startPostgres({ dataDir: join(directory, 'postgres') });
  closing.push(() => postgres.stop());
  await migrate(postgres.url);
  const env = {
    ...loadSecrets(join(directory, 'secrets'), {}),
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    REDIS_COMMAND_TIMEOUT_MS: '10000',
    LOG_LEVEL: 'silent',
  };
  return { directory, redis, postgres, env };
}

/** @returns {Promise<import('../core-bench.mjs').Goal[]>} */
async function open() {
  const { directory, redis, postgres, env } = await openServers();
  const client = new Redis(redis.url);
  client.on('error', () => undefined);
  const queue = new Queue('audit', {
    connection: { url: redis.url },
    defaultJobOptions: { removeOnComplete: true, attempts: 5, backoff: { type: 'exponential', delay: 1000 } },
  });
  queue.on('error', () => undefined);
  const database = new pg.Pool({ connectionString: postgres.url, max: 1 });
  database.on('error', () => undefined);
  closing.push(async () => {
    client.disconnect();
    await queue.close();
    await database.end();
  });
  const audit = await openAuditLog({ ...env, AUDIT_BUFFER_MAX: String(4 * IN_FLIGHT) });
  closing.push(() => audit.close());
  // The same rows without a place in a chain.
  await database.query(`
    CREATE TABLE bench_rows (id uuid NOT NULL, occurred_at timestamptz(3) NOT NULL, actor text COLLATE "C" NOT NULL,
      action text COLLATE "C" NOT NULL, resource text COLLATE "C" NOT NULL, details jsonb NOT NULL,
      PRIMARY KEY (id, occurred_at)) PARTITION BY RANGE (occurred_at);
    CREATE TABLE bench_rows_default PARTITION OF bench_rows DEFAULT;
    CREATE INDEX ON bench_rows (actor, id);
    CREATE INDEX ON bench_rows (resource, id);
    CREATE INDEX ON bench_rows (action, id)`);

  /** @param {(from: number) => Promise<unknown>} send @param {number} size */
  const intoRedis = async (size, send) => {
    await client.flushall();
    return throughput(PRODUCED, size, send);
  };
  /** Has as many acknowledged at once as the peer's call takes. */
  const record = (/** @type {number} */ size) => async (/** @type {number} */ from) => {
    const events = Array.from({ length: size }, (_, i) => audit.log.record(eventOf(from + i)));
    const other = (await Promise.all(events)).find((receipt) => receipt !== 'redis');
    if (other !== undefined) throw new Error(`an event was only in ${other}`);
  };
  const links = async () =>
    Number((await database.query('SELECT coalesce(sum(seq), 0) AS sum FROM audit_chains')).rows[0].sum);
  const empty = async () => {
    await client.flushall();
    await database.query('TRUNCATE bench_rows, audit_entries, audit_chains');
    await queryAsSuperuser(postgres.superuserUrl, 'CHECKPOINT');
  };
  const verifier = new AuditVerifier(audit.config, audit.database);
  const chainLinks = new ChainLinks(audit.config.secrets);
  let serial = 0;

  return [
    {
      id: 'A1 BullMQ',
      what: 'events per second into Redis, acknowledged',
      ours: () => intoRedis(BULK, record(BULK)),
      peer: {
        name: `BullMQ addBulk(${String(BULK)})`,
        measure: () =>
          intoRedis(BULK, (from) =>
            queue.addBulk(
              Array.from({ length: BULK }, (_, i) => ({ name: 'audit', data: eventOf(from + i) })),
            ),
          ),
      },
      target: { is: 'ratio', at: 'least', bound: 5 },
    },
    {
      id: 'A1 pipeline',
      what: 'events per second into Redis, acknowledged',
      ours: () => intoRedis(PIPELINE, record(PIPELINE)),
      peer: {
        name: `ioredis pipeline(${String(PIPELINE)}) of XADD`,
        measure: () =>
          intoRedis(PIPELINE, async (from) => {
            const pipeline = client.pipeline();
            for (let i = from; i < from + PIPELINE; i += 1)
              pipeline.xadd('audit', '*', 'id', newId(), 'event', JSON.stringify(eventOf(i)));
            for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
          }),
      },
      target: { is: 'ratio', at: 'least', bound: 1 },
    },
    {
      id: 'A2',
      what: 'events per second from record() to a committed link, one process',
      ours: async () => {
        await empty();
        const reader = await openAuditLog(env);
        reader.consumer.onApplicationBootstrap();
        while (reader.consumer.ownedCount < audit.config.env.AUDIT_PARTITIONS) await sleep(5);
        const startMs = performance.now();
        await throughput(PRODUCED, BULK, record(BULK));
        while ((await links()) < PRODUCED) await sleep(2);
        const perSecond = (PRODUCED * 1000) / (performance.now() - startMs);
        await reader.close();
        return perSecond;
      },
      peer: {
        name: 'INSERT row by row, no chain',
        measure: async () => {
          await empty();
          const startMs = performance.now();
          for (const { id, actor, action, resource, details } of entriesOf(0, ROW_BY_ROW))
            await database.query(
              'INSERT INTO bench_rows VALUES ($1, to_timestamp($2::bigint / 1000.0), $3, $4, $5, $6)',
              [id, timeOfId(id), actor, action, resource, details],
            );
          return (ROW_BY_ROW * 1000) / (performance.now() - startMs);
        },
      },
      target: { is: 'ratio', at: 'least', bound: 15 },
    },
    {
      id: 'A2 chain',
      what: `rows per second in batches of ${BATCH.toLocaleString('en')}, with the chain`,
      ours: async () => {
        await empty();
        const entries = entriesOf(0, 4 * BATCH);
        let chain = await audit.sink.take(CHAIN, newId(), { leaseMs: 60_000, force: true });
        if (chain === null) throw new Error('the chain has another owner');
        const startMs = performance.now();
        for (let from = 0; from < entries.length; from += BATCH)
          chain = (await audit.sink.append(chain, entries.slice(from, from + BATCH), false)).head;
        return (entries.length * 1000) / (performance.now() - startMs);
      },
      peer: {
        name: 'the same rows without links and positions',
        measure: async () => {
          await empty();
          const entries = entriesOf(0, 4 * BATCH);
          const startMs = performance.now();
          for (let from = 0; from < entries.length; from += BATCH)
            await insertPlain(audit.database, entries.slice(from, from + BATCH));
          return (entries.length * 1000) / (performance.now() - startMs);
        },
      },
      target: { is: 'ratio', at: 'least', bound: 0.85 },
    },
    {
      id: 'A4',
      what: `entries per second that the verifier follows, of ${VERIFIED.toLocaleString('en')} rows at hand`,
      ours: () => {
        const rows = storedRows(chainLinks, VERIFIED);
        return quickest(() => {
          const follower = new ChainVerifier(chainLinks, CHAIN, []);
          for (const row of rows) if (follower.acceptLink(row) !== null) throw new Error('it found a fault');
        });
      },
      peer: {
        name: 'SHA-256 of the same bytes, row by row',
        measure: () => {
          let previous = GENESIS;
          const texts = flat(
            storedRows(chainLinks, VERIFIED).map(({ seq, text, hash: link }) => {
              const place = [KEY + previous, String(CHAIN), String(seq)].join(FIELD_SEPARATOR);
              previous = link;
              return place + FIELD_SEPARATOR + text + KEY;
            }),
          );
          return quickest(() => {
            for (const text of texts) hash('sha256', text, 'hex');
          });
        },
      },
      target: { is: 'ratio', at: 'least', bound: 0.5 },
    },
    {
      id: 'A5',
      what: `tamperings of ${String(TAMPERINGS_TRIED)} in the database that were found at their position, %`,
      ours: async () => {
        await empty();
        const chain = await audit.sink.take(CHAIN, newId(), { leaseMs: 60_000, force: true });
        if (chain === null) throw new Error('the chain has another owner');
        const { head } = await audit.sink.append(chain, entriesOf(0, TAMPERED_LENGTH), false);
        const checkpoint = audit.checkpoints.open(audit.checkpoints.seal(CHAIN, head));
        if (checkpoint === null) throw new Error('no checkpoint');
        await database.query('CREATE TABLE bench_entries AS SELECT * FROM audit_entries');
        const random = mulberry(SEED);
        let found = 0;
        for (let i = 0; i < TAMPERINGS_TRIED; i += 1) {
          const tamper = TAMPERINGS[i % TAMPERINGS.length];
          const at = 1 + Math.floor(random() * TAMPERED_LENGTH);
          const expected = await tamper?.({ database, chain: CHAIN, at, length: TAMPERED_LENGTH, random });
          const { fault } = await verifier.verify(CHAIN, [checkpoint]);
          if (fault?.seq === expected) found += 1;
          else console.error(`  missed: tampering ${String(i % TAMPERINGS.length)} at ${String(at)}`);
          await database.query('DELETE FROM audit_entries');
          await database.query('INSERT INTO audit_entries SELECT * FROM bench_entries');
          await database.query(
            "UPDATE audit_chains SET seq = $1, hash = decode($2, 'hex') WHERE chain = $3",
            [head.seq, head.hash, CHAIN],
          );
        }
        if ((await verifier.verify(CHAIN, [checkpoint])).fault !== null) throw new Error('a false alarm');
        return (100 * found) / TAMPERINGS_TRIED;
      },
      target: { is: 'value', at: 'least', bound: 100 },
      rounds: 1,
    },
    {
      id: 'A3',
      what: 'events lost, kept twice or out of order of 200,000 acknowledged ones, 20 rounds of kill -9',
      ours: async () => {
        await empty();
        serial += 1;
        const rounds = join(directory, `kills-${String(serial)}`);
        mkdirSync(rounds);
        const durable = await startRedis({
          dir: join(rounds, 'redis'),
          persistent: true,
          settings: { appendfsync: 'always' },
        });
        closing.push(() => durable.stop());
        const outcome = await runKillRounds({
          databaseUrl: postgres.url,
          redisUrl: durable.url,
          directory: rounds,
          env,
          rounds: 20,
          events: 200_000,
          random: mulberry(SEED + serial),
          servers: [
            durable,
            { kill: () => postgres.primary.kill(), restart: () => postgres.primary.start() },
          ],
        });
        const { acknowledged, lost, duplicated, misplaced, faults, isIntact, report } = outcome;
        console.error(`  A3: ${String(acknowledged)} acknowledged, ${JSON.stringify(faults)}`);
        if (!isIntact) throw new Error(report);
        return lost + duplicated + misplaced;
      },
      target: { is: 'value', at: 'most', bound: 0 },
      rounds: 1,
    },
  ];
}

/**
 * @param {import('../../../dist/infrastructure/database/prisma/index.js').OptimizedPrismaService} database
 * @param {readonly import('../../../dist/core/audit-log/audit-entry.js').AuditEntry[]} entries
 */
async function insertPlain(database, entries) {
  await database.sqlTransaction(async (transaction) => {
    const parts = [];
    for (let from = 0; from < entries.length; from += PART) {
      const part = entries.slice(from, from + PART);
      /** @param {(entry: import('../../../dist/core/audit-log/audit-entry.js').AuditEntry) => string | number} read */
      const column = (read) => part.map(read).join(LINE_SEPARATOR) + LINE_SEPARATOR;
      parts.push(
        transaction.execute(
          `INSERT INTO bench_rows SELECT e.id::uuid, to_timestamp(e.ms::double precision / 1000), e.actor, e.action,
             e.resource, e.details::jsonb
           FROM unnest(string_to_array($2, $8), string_to_array($3, $8), string_to_array($4, $8),
               string_to_array($5, $8), string_to_array($6, $8), string_to_array($7, $8))
             WITH ORDINALITY AS e (id, ms, actor, action, resource, details, n)
           WHERE e.n <= $1`,
          [
            part.length,
            column(({ id }) => id),
            column(({ id }) => timeOfId(id)),
            column(({ actor }) => actor),
            column(({ action }) => action),
            column(({ resource }) => resource),
            column(({ details }) => details),
            LINE_SEPARATOR,
          ],
        ),
      );
    }
    await Promise.all(parts);
  });
}

/** @type {import('../../../dist/core/audit-log/chain-verifier.js').StoredLink[]} */
let stored = [];

/** Made once, and of flat strings, as they come from the database. @param {ChainLinks} links @param {number} count */
function storedRows(links, count) {
  if (stored.length !== count)
    stored = flat(
      links.extend({ seq: 0, hash: GENESIS }, CHAIN, entriesOf(0, count)).map((entry) => ({
        seq: entry.seq,
        id: entry.id,
        text: textOf(entry, entry.timeMs),
        hash: entry.hash,
      })),
    );
  return stored;
}

/**
 * Of several passes, each of a few hundredths of a second: whoever else gets the core in one of them would be
 * most of what is measured.
 *
 * @param {() => void} pass over all rows
 * @returns {number} rows per second
 */
function quickest(pass) {
  let ms = Infinity;
  for (let i = 0; i < PASSES; i += 1) {
    const startMs = performance.now();
    pass();
    ms = Math.min(ms, performance.now() - startMs);
  }
  return (VERIFIED * 1000) / ms;
}

/** The same without strings that are made of others. @template T @param {T} value @returns {T} */
function flat(value) {
  return JSON.parse(JSON.stringify(value));
}

/** The generator of test/support/seeded-random.ts. @param {number} seed */
function mulberry(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** @type {import('../core-bench.mjs').Section} */
export default {
  open,
  async close() {
    for (const close of closing.splice(0).reverse()) await close();
  },
};
