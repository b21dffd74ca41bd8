import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import type { ClientBase } from 'pg';
import { AppConfig } from '../../../config/index.js';
import { Logger } from '../../logging/index.js';
import { Metrics } from '../../metrics/index.js';
import { connectionBudget, type DatabaseNode, listNodes } from './database-nodes.js';
import { PrismaClient } from './generated/client.js';
import { NodePool } from './node-pool.js';
import { askNode, NodeProbe } from './node-probe.js';
import { NodeWatch } from './node-watch.js';
import { connectionOptions, poolOptions } from './pool-options.js';
import { createPoolGauges, type PoolGauge, type PoolName } from './pool-metrics.js';
import { PrimaryReads } from './primary-reads.js';
import { type ReadFloor, ReadRouter } from './read-router.js';
import { Replica } from './replica.js';
import { ReplicaLag } from './replica-lag.js';
import { ReplicaObserver } from './replica-observer.js';
import { RoutedReads } from './routed-reads.js';
import type { SqlTransaction } from './sql-transaction.js';
import { SqlTransactions } from './sql-transactions.js';
import type { WalPosition } from './wal-position.js';
import { poolsOf, type Writer, WriterFollower } from './writer-follower.js';
import { observeWriter } from './writer-observer.js';

/**
 * PostgreSQL through two kinds of pools: one to the writer and one to each replica.
 *
 * Writes and transactions go to the writer, whichever node that is at present ({@link WriterFollower}); a
 * read goes where it is fresh enough ({@link ReadRouter}). A replica that fails is left alone until a probe
 * in the background succeeds. While there is no writer, its callers are refused at once. Whoever gets no
 * connection in time, or would be one too many, gets an error that {@link isDatabaseUnavailable} recognises.
 *
 * Every statement has a deadline: inside transactions by SET LOCAL, which PgBouncer's transaction mode
 * supports, outside by the driver, which closes the connection.
 */
@Injectable()
export class OptimizedPrismaService implements OnApplicationShutdown {
  private readonly follower: WriterFollower;
  private readonly replicas: readonly Replica[];
  private readonly watches: readonly NodeWatch[];
  private readonly probes = new Map<DatabaseNode, NodeProbe>();
  private readonly transactions: SqlTransactions;
  private readonly router: ReadRouter;
  private readonly gauges: (name: PoolName) => PoolGauge;

  constructor(
    private readonly config: AppConfig,
    logger: Logger,
    metrics: Metrics,
  ) {
    const { env } = config;
    const { all, replicas } = listNodes(config);
    this.gauges = createPoolGauges(metrics, logger, (name) =>
      name === 'write' ? poolsOf(this.follower.current) : this.replicas.map(({ pool }) => pool),
    );
    this.follower = new WriterFollower({
      nodes: all,
      open: (node) => this.openWriter(node),
      events: observeWriter(logger, metrics, () => ({
        isLost: this.follower.isLost,
        timeline: this.follower.highestTimeline,
      })),
      wake: () => {
        for (const watch of this.watches) watch.wake();
      },
      intervalMs: env.DATABASE_WATCH_INTERVAL_MS,
    });
    const observer = new ReplicaObserver(logger, metrics);
    this.replicas = replicas.map((node, index) => this.openReplica(node, observer.eventsOf(index)));
    this.transactions = new SqlTransactions({
      follower: this.follower,
      statementTimeoutMs: env.DATABASE_STATEMENT_TIMEOUT_MS,
      transactionTimeoutMs: env.DATABASE_TRANSACTION_TIMEOUT_MS,
    });

    const hasReplicas = replicas.length > 0;
    const primaryReads = new PrimaryReads({
      // Without replicas every read belongs there, and the pool is the bound.
      max: hasReplicas ? env.DATABASE_PRIMARY_READS_MAX : Infinity,
      waitersMax: env.DATABASE_WAITERS_MAX,
      waitMs: env.DATABASE_ACQUIRE_TIMEOUT_MS,
      onShed: () => {
        counts.shed();
      },
    });
    const counts = new RoutedReads(metrics, () => primaryReads.waiting);
    this.router = new ReadRouter({
      replicas: this.replicas,
      follower: this.follower,
      primaryReads,
      currentPosition: () => this.currentPosition(),
      counts,
    });

    const lag = new ReplicaLag(metrics, replicas);
    this.watches = all.map((node) => this.watch(node, lag, this.replicas[replicas.indexOf(node)]));
    void Promise.all(this.watches.map(({ first }) => first)).then(() => {
      this.follower.settle();
    });
  }

  /** Prisma on the writer as it is now: do not keep it, another node may be the writer next. */
  get write(): PrismaClient {
    return this.follower.current.client;
  }

  /** Reads on a node that satisfies the floor. `work` may run a second time, on another node. */
  read<T>(floor: ReadFloor, work: (client: PrismaClient) => Promise<T>): Promise<T> {
    return this.router.read(floor, work);
  }

  /** Reads on one node and says as of which position at least. */
  readWithPosition<T>(
    floor: WalPosition | null,
    work: (client: PrismaClient) => Promise<T>,
  ): Promise<{ value: T; position: WalPosition }> {
    return this.router.readWithPosition(floor, work);
  }

  /**
   * A transaction of hand-written statements on the writer, committed when `work` resolves and rolled
   * back when it throws. When the error comes from COMMIT itself the outcome is unknown.
   */
  sqlTransaction<T>(work: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
    return this.transactions.run(work);
  }

  /**
   * A {@link sqlTransaction} of two round trips: it looks in that of its BEGIN, and acts in that of its
   * COMMIT, behind which the position is. What `look` sends must not write: should BEGIN itself fail, it
   * stands alone. `act` sends all its statements before it waits for any; one that comes later is refused.
   * It has connections of its own: many who wait for one to do a little each do not keep a batch waiting.
   */
  sqlTransactionAfter<Seen, T>(
    look: (transaction: SqlTransaction) => Promise<Seen>,
    act: (transaction: SqlTransaction, seen: Seen) => Promise<T>,
  ): Promise<{ result: T; position: WalPosition }> {
    return this.transactions.runAfter(look, act);
  }

  /** A position at or behind which everything lies that was committed on the writer before the call. */
  currentPosition(): Promise<WalPosition> {
    return this.transactions.currentPosition();
  }

  /** True when no replica that is read at present lacks anything before the position; also without any. */
  areReplicasPast(position: WalPosition): Promise<boolean> {
    return this.router.areReplicasPast(position);
  }

  /** The highest timeline that any node was seen on; 0 before the first look. */
  get timeline(): number {
    return this.follower.highestTimeline;
  }

  /** Another process knows of a writer on this timeline; a lower one is not written to from now on. */
  noteTimeline(timeline: number): void {
    this.follower.noteTimeline(timeline);
  }

  /** Round trip to the writer in milliseconds. @throws when it does not answer or is a standby. */
  async ping(): Promise<number> {
    const start = performance.now();
    await this.currentPosition();
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
    for (const watch of this.watches) watch.close();
    const { current } = this.follower;
    await current.client.$disconnect();
    await Promise.all([
      ...poolsOf(current).map((pool) => pool.end()),
      ...this.replicas.map((replica) => replica.close()),
    ]);
  }

  private openWriter(node: DatabaseNode): Writer {
    const { write, reserved: forBatches } = connectionBudget(this.config);
    const pool = this.openWriterPool(node, write);
    const reserved = forBatches === 0 ? pool : this.openWriterPool(node, forBatches);
    return { node, pool, reserved, client: new PrismaClient({ adapter: new PrismaPg(pool) }) };
  }

  private openWriterPool(node: DatabaseNode, max: number): NodePool {
    const pool: NodePool = new NodePool({
      config: {
        ...poolOptions(this.config, node, max),
        // Statements that are issued together go out together; see SqlTransaction.
        pipeline: true,
      },
      admit: (client) => this.admit(client),
      waitersMax: this.config.env.DATABASE_WAITERS_MAX,
      gauge: this.gauges('write'),
      gate: () => this.follower.gate(),
      onFailure: (error) => {
        if (poolsOf(this.follower.current).includes(pool)) this.follower.suspect(error);
      },
    });
    return pool;
  }

  /** An address can lead to another server than it did: each new connection shows that it may be used. */
  private async admit(client: ClientBase): Promise<void> {
    await Promise.all(this.watches.map(({ first }) => first));
    this.follower.admit(await askNode(client));
  }

  private openReplica(node: DatabaseNode, events: ReturnType<ReplicaObserver['eventsOf']>): Replica {
    const { config } = this;
    return new Replica({
      pool: new NodePool({
        config: poolOptions(config, node, connectionBudget(config).readPerReplica),
        waitersMax: config.env.DATABASE_WAITERS_MAX,
        gauge: this.gauges('read'),
      }),
      probe: this.probeOf(node),
      events,
      probePauseMaxMs: config.env.DATABASE_REPLICA_PROBE_MS,
    });
  }

  /** One for each node, or the connections would be more than were budgeted. */
  private probeOf(node: DatabaseNode): NodeProbe {
    const probe = this.probes.get(node) ?? new NodeProbe(connectionOptions(node));
    this.probes.set(node, probe);
    return probe;
  }

  private watch(node: DatabaseNode, lag: ReplicaLag, replica: Replica | undefined): NodeWatch {
    const { follower } = this;
    return new NodeWatch({
      probe: this.probeOf(node),
      pauseMs: () => follower.pauseMs,
      onState: (state) => {
        follower.heard(node, state);
        replica?.heard(state);
        lag.heard(node, state, node === follower.current.node);
      },
      onError: (error) => {
        follower.failed(node, error);
        replica?.lookFailed(error);
        lag.lost(node);
      },
    });
  }
}
