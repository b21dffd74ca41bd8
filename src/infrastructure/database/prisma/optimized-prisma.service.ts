import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool, PoolClient, PoolConfig } from 'pg';
import { AppConfig } from '../../../config/index.js';
import { Logger } from '../../logging/index.js';
import { Metrics } from '../../metrics/index.js';
import { createCountedPool, type PoolName } from './counted-pool.js';
import { isDatabaseUnavailable, sqlStateOf } from './database-errors.js';
import { PrismaClient, type Prisma } from './generated/client.js';
import { Replica } from './replica.js';
import { ReplicaObserver } from './replica-observer.js';
import { SqlTransaction } from './sql-transaction.js';
import { parseWalPosition, type WalPosition } from './wal-position.js';

const APPLICATION_NAME = `caudal-${String(process.pid)}`;

/**
 * How fresh a read must be: at least a WAL position; `primary` when the position is not known;
 * null when any replica will do.
 */
export type ReadFloor = WalPosition | 'primary' | null;

/** At or behind it lies everything that was committed before. */
const CURRENT_POSITION = 'SELECT pg_current_wal_insert_lsn()::text AS position';

interface PositionRow {
  readonly position: string;
}

/**
 * PostgreSQL through two kinds of pools: one to the writer and one to each replica.
 *
 * Writes and transactions go to the writer. A read goes to the healthy replica with the fewest
 * pending reads that has replayed its floor, otherwise to the writer. A replica that fails is left
 * alone until a probe in the background succeeds, and its reads are made again elsewhere. When the
 * writer is gone, its callers get the driver's error within the acquire timeout
 * ({@link isDatabaseUnavailable} recognises it), and the pool reconnects by itself once the writer
 * answers.
 *
 * Every statement has a deadline: inside transactions by SET LOCAL, which PgBouncer's transaction mode
 * supports, outside by the driver.
 */
@Injectable()
export class OptimizedPrismaService implements OnApplicationShutdown {
  readonly write: PrismaClient;
  private readonly writePool: Pool;
  private readonly replicas: readonly Replica[];
  private readonly beginStatement: string;
  private readonly reads;

  constructor(
    private readonly config: AppConfig,
    logger: Logger,
    metrics: Metrics,
  ) {
    const statements = metrics.counter({
      name: 'database_statements_total',
      help: 'SQL statements sent, BEGIN and COMMIT among them',
      labelNames: ['pool'],
    });
    this.reads = metrics.counter({
      name: 'database_reads_total',
      help: 'Routed reads by the kind of node that answered',
      labelNames: ['node'],
    });
    const { env, poolSizes } = config;
    const replicaUrls = env.DATABASE_REPLICA_URLS;
    const open = (name: PoolName, connectionString: string, max: number): Pool =>
      createCountedPool(name, this.poolOptions(connectionString, max), statements);

    this.writePool = open('write', env.DATABASE_URL, poolSizes.write);
    this.write = new PrismaClient({
      adapter: new PrismaPg(this.writePool),
      transactionOptions: {
        maxWait: env.DATABASE_ACQUIRE_TIMEOUT_MS,
        timeout: env.DATABASE_STATEMENT_TIMEOUT_MS,
      },
    });
    const readPoolSize = Math.max(1, Math.floor(poolSizes.read / Math.max(1, replicaUrls.length)));
    const observer = new ReplicaObserver(logger, metrics);
    this.replicas = replicaUrls.map(
      (url, index) =>
        new Replica(
          open('read', url, readPoolSize),
          { connectionString: url, application_name: APPLICATION_NAME },
          observer.eventsOf(index),
        ),
    );

    const deadlineMs = String(env.DATABASE_STATEMENT_TIMEOUT_MS);
    this.beginStatement = `BEGIN; SET LOCAL statement_timeout = ${deadlineMs}; SET LOCAL lock_timeout = ${deadlineMs}; SET LOCAL idle_in_transaction_session_timeout = ${deadlineMs}`;
    this.exposePoolMetrics(metrics);
  }

  /** Reads on a node that satisfies the floor. `work` may run a second time, on another node. */
  async read<T>(floor: ReadFloor, work: (client: PrismaClient) => Promise<T>): Promise<T> {
    if (floor !== 'primary') {
      for (const replica of this.candidates()) {
        const answer = await replica.attempt(async () =>
          floor === null || (await replica.hasReplayed(floor)) ? { value: await work(replica.client) } : null,
        );
        if (answer === null) continue;
        this.reads.inc({ node: 'replica' });
        return answer.value;
      }
    }
    this.reads.inc({ node: 'primary' });
    return work(this.write);
  }

  /** An interactive Prisma transaction on the writer. */
  transaction<T>(work: (transaction: Prisma.TransactionClient) => Promise<T>): Promise<T> {
    return this.write.$transaction(work);
  }

  /**
   * A transaction of hand-written statements on the writer, committed when `work` resolves and rolled
   * back when it throws. When the error comes from COMMIT itself the outcome is unknown.
   */
  async sqlTransaction<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    const { result } = await this.transact(
      () => Promise.resolve(),
      work,
      async (client) => {
        await client.query('COMMIT');
      },
    );
    return result;
  }

  /**
   * A {@link sqlTransaction} that first looks, in the round trip of its BEGIN, and ends with the position
   * behind its COMMIT. What `look` sends must not write: should BEGIN itself fail, it stands alone.
   */
  async sqlTransactionAfter<Seen, T>(
    look: (transaction: SqlTransaction) => Promise<Seen>,
    work: (transaction: SqlTransaction, seen: Seen) => Promise<T>,
  ): Promise<{ result: T; position: WalPosition }> {
    const { result, end } = await this.transact(look, work, async (client) => {
      const [, { rows }] = await Promise.all([
        client.query('COMMIT'),
        client.query<PositionRow>(CURRENT_POSITION),
      ]);
      return toPosition(rows);
    });
    return { result, position: end };
  }

  private async transact<Seen, T, End>(
    look: (transaction: SqlTransaction) => Promise<Seen>,
    work: (transaction: SqlTransaction, seen: Seen) => Promise<T>,
    commit: (client: PoolClient) => Promise<End>,
  ): Promise<{ result: T; end: End }> {
    const client = await this.writePool.connect();
    let broken: Error | undefined;
    try {
      const transaction = new SqlTransaction(client);
      const [, seen] = await Promise.all([client.query(this.beginStatement), look(transaction)]);
      const result = await work(transaction, seen);
      return { result, end: await commit(client) };
    } catch (error) {
      broken = await rollBack(client, error);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** A position at or behind which everything lies that was committed on the writer before the call. */
  async currentPosition(): Promise<WalPosition> {
    const { rows } = await this.writePool.query<PositionRow>(CURRENT_POSITION);
    return toPosition(rows);
  }

  /**
   * Reads on one node and says as of which position at least: the replica's replay position, or the
   * writer's, taken before the read.
   */
  async readWithPosition<T>(
    floor: WalPosition | null,
    work: (client: PrismaClient) => Promise<T>,
  ): Promise<{ value: T; position: WalPosition }> {
    for (const replica of this.candidates()) {
      const answer = await replica.attempt(async () => {
        const position = await replica.replayPosition();
        if (floor !== null && position < floor) return null;
        return { value: await work(replica.client), position };
      });
      if (answer === null) continue;
      this.reads.inc({ node: 'replica' });
      return answer;
    }
    const position = await this.currentPosition();
    this.reads.inc({ node: 'primary' });
    return { value: await work(this.write), position };
  }

  /** True when no replica that is read at present lacks anything before the position; also without any. */
  async areReplicasPast(position: WalPosition): Promise<boolean> {
    const answers = await Promise.all(
      this.candidates().map((replica) =>
        replica.attempt(async () => ((await replica.hasReplayed(position)) ? true : null)),
      ),
    );
    return answers.every((answer) => answer === true);
  }

  /** Round trip to the writer in milliseconds. @throws when it does not answer or is a standby. */
  async ping(): Promise<number> {
    const start = performance.now();
    const result = await this.writePool.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (result.rows[0]?.standby === true) throw new Error('the writer is in recovery');
    return performance.now() - start;
  }

  /** One answer for each replica; one that is ejected is not asked. */
  async pingReplicas(): Promise<boolean[]> {
    return Promise.all(
      this.replicas.map(
        async (replica) =>
          replica.isAdmitted && (await replica.attempt(() => replica.replayPosition())) !== null,
      ),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.write.$disconnect();
    await Promise.all([this.writePool.end(), ...this.replicas.map((replica) => replica.close())]);
  }

  private candidates(): Replica[] {
    return this.replicas.filter((replica) => replica.isAdmitted).sort((a, b) => a.pending - b.pending);
  }

  private poolOptions(connectionString: string, max: number): PoolConfig {
    const { env } = this.config;
    return {
      connectionString,
      max,
      connectionTimeoutMillis: env.DATABASE_ACQUIRE_TIMEOUT_MS,
      idleTimeoutMillis: 30_000,
      // Spreads reconnects of a fleet that started together.
      maxLifetimeSeconds: 1800 + Math.floor(Math.random() * 600),
      query_timeout: env.DATABASE_STATEMENT_TIMEOUT_MS + 500,
      application_name: APPLICATION_NAME,
      keepAlive: true,
      // Statements that are issued together go out together; see SqlTransaction.
      pipeline: true,
    };
  }

  private exposePoolMetrics(metrics: Metrics): void {
    metrics.gauge({
      name: 'database_connections_active',
      help: 'Connections that are checked out of a pool',
      labelNames: ['pool'],
      collect: (gauge) => {
        const busy = (pool: Pool) => pool.totalCount - pool.idleCount;
        gauge.set({ pool: 'write' }, busy(this.writePool));
        gauge.set(
          { pool: 'read' },
          this.replicas.reduce((sum, replica) => sum + busy(replica.pool), 0),
        );
      },
    });
    metrics.gauge({
      name: 'database_connections_waiting',
      help: 'Callers that wait for a connection',
      labelNames: ['pool'],
      collect: (gauge) => {
        gauge.set({ pool: 'write' }, this.writePool.waitingCount);
        gauge.set(
          { pool: 'read' },
          this.replicas.reduce((sum, replica) => sum + replica.pool.waitingCount, 0),
        );
      },
    });
  }
}

function toPosition([row]: readonly PositionRow[]): WalPosition {
  return parseWalPosition(row?.position ?? '');
}

/** Undefined when the connection can be used again; otherwise why it cannot. */
async function rollBack(client: PoolClient, error: unknown): Promise<Error | undefined> {
  // A server that did not answer at all would not answer this either, and the caller waits for it.
  const isSilent = isDatabaseUnavailable(error) && sqlStateOf(error) === null;
  if (isSilent) return error instanceof Error ? error : new Error(String(error));
  try {
    await client.query('ROLLBACK');
    return undefined;
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}
