import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { newId } from '../../common/ids.js';
import { AppConfig } from '../../config/index.js';
import { isDatabaseUnavailable } from '../../infrastructure/database/prisma/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import {
  Doorbell,
  isRedisUnavailable,
  type RedisClient,
  redisKeys,
  RedisService,
} from '../../infrastructure/redis/index.js';
import { AuditCheckpoints } from './audit-checkpoints.js';
import { ChainLostError } from './audit-log.errors.js';
import { AuditMetrics } from './audit-log.metrics.js';
import { AuditPartition } from './audit-partition.js';
import { AuditSink } from './audit-sink.js';
import { AuditStream, chainOfPartition } from './audit-stream.js';

const POLL_MS = 50;
/** While nobody rings for the streams; an entry whose ring was lost waits so long. */
const QUIET_POLL_MS = 1000;
const RETRY_MS = 200;
const TEND_MS = 1000;
/** A stream that is empty and stays so is looked after to find out that it was not us who filled it. */
const QUIET_TEND_MS = 5000;
/** For each partition that it has, a process waits so long before it takes another free one: others get some. */
const MODESTY_MS = 200;
/** A worker for whom nothing was free asks again after such a part of a lease. */
const ASKS_PER_LEASE = 6;
/** Reading needs no blocking; the deadline of a connection of its own fits large replies. */
const READ_DEADLINE_MS = 1000;

/**
 * Runs the sink of the audit log on a worker: owns as many partitions as others leave it, and takes each
 * one's stream to its chain. Ownership is a lease of AUDIT_TAKEOVER_MS in the row of the chain.
 */
@Injectable()
export class AuditConsumer implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly owner = newId();
  private readonly owned = new Map<number, AuditPartition>();
  private isStopped = false;
  private running: Promise<void> = Promise.resolve();
  private wakeUp: () => void = () => undefined;
  private renewAtMs = -Infinity;
  private takeAtMs = -Infinity;
  private tendAtMs = -Infinity;
  private claimAtMs = -Infinity;
  private readonly bell: Doorbell;

  constructor(
    private readonly config: AppConfig,
    private readonly redis: RedisService,
    private readonly sink: AuditSink,
    private readonly checkpoints: AuditCheckpoints,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
  ) {
    this.bell = new Doorbell(redis, redisKeys.auditBell(), clock);
  }

  get ownedCount(): number {
    return this.owned.size;
  }

  onApplicationBootstrap(): void {
    const { config } = this;
    if (config.env.FEATURE_AUDIT_LOG && config.runsJobs) this.running = this.run();
  }

  /** Ends the batch in hand, and gives the partitions to whoever wants them. */
  async onModuleDestroy(): Promise<void> {
    this.isStopped = true;
    this.wakeUp();
    await this.running;
    await Promise.all(
      [...this.owned.values()].map(({ chain }) => this.sink.release(chain).catch(() => undefined)),
    );
  }

  private async run(): Promise<void> {
    const client = this.redis.blockingClient('main', READ_DEADLINE_MS);
    while (this.isRunning()) {
      let pauseMs = POLL_MS;
      try {
        await this.keepOwnership(client);
        this.listenIfOwner();
        await this.tendStreams();
        // One that is stuck does not hold the others up.
        const steps = [...this.owned].map(
          ([partition, worker]) =>
            () =>
              this.stepOf(partition, worker),
        );
        const outcomes: ('more' | 'done' | 'failed')[] = [];
        for (const step of steps) outcomes.push(await step());
        if (outcomes.includes('more')) pauseMs = 0;
        else if (outcomes.includes('failed')) pauseMs = RETRY_MS;
        else if (this.mayRest) pauseMs = Math.min(QUIET_POLL_MS, this.config.env.AUDIT_TAKEOVER_MS / 3);
      } catch (error) {
        pauseMs = RETRY_MS;
        this.report(error);
      }
      if (pauseMs > 0 && this.isRunning()) await this.pause(pauseMs);
    }
    this.bell.close();
    client.disconnect();
  }

  /** There is nothing in the streams that are ours, if any, and a ring would tell. */
  private get mayRest(): boolean {
    if (this.owned.size === 0) return true;
    return this.bell.isQuiet && [...this.owned.values()].every(({ isIdle }) => isIdle);
  }

  /** Only owners of streams listen: in a large fleet a ring for everybody would be many. */
  private listenIfOwner(): void {
    if (this.owned.size === 0) this.bell.close();
    else
      this.bell.listen(() => {
        this.tendAtMs = -Infinity;
        this.wakeUp();
      });
  }

  private isRunning(): boolean {
    return !this.isStopped;
  }

  private async stepOf(partition: number, worker: AuditPartition): Promise<'more' | 'done' | 'failed'> {
    const before = worker.chain.seq;
    try {
      return (await worker.step()) ? 'more' : 'done';
    } catch (error) {
      if (error instanceof ChainLostError) {
        // Perhaps the last append was committed and its answer lost: whoever takes the chain anew knows.
        this.owned.delete(partition);
        this.takeAtMs = -Infinity;
      } else {
        this.report(error);
      }
      return 'failed';
    } finally {
      if (worker.chain.seq !== before) {
        this.bell.stir();
        this.checkpoints.note(worker.chain.chain, worker.chain);
      }
    }
  }

  private async keepOwnership(client: RedisClient): Promise<void> {
    const { AUDIT_TAKEOVER_MS: leaseMs, AUDIT_PARTITIONS: partitions } = this.config.env;
    const nowMs = this.clock.monotonicMs();
    if (nowMs >= this.renewAtMs) {
      const chains = [...this.owned.values()].map(({ chain }) => chain.chain);
      const kept = await this.sink.renew(chains, this.owner, leaseMs);
      for (const [partition, { chain }] of this.owned)
        if (!kept.has(chain.chain)) this.owned.delete(partition);
      this.renewAtMs = nowMs + leaseMs / 3;
    }
    if (nowMs < this.takeAtMs || this.owned.size >= partitions) return;
    const wanted = Array.from({ length: partitions }, (_, partition) => partition).filter(
      (partition) => !this.owned.has(partition),
    );
    const free = await this.sink.free(wanted.map(chainOfPartition), this.owner);
    for (const partition of wanted) {
      if (!free.has(chainOfPartition(partition))) continue;
      const chain = await this.sink.take(chainOfPartition(partition), this.owner, { leaseMs });
      if (chain === null) continue;
      const { sink, metrics, logger } = this;
      const stream = new AuditStream(client, partition, this.owner);
      this.owned.set(partition, new AuditPartition(chain, stream, { sink, metrics, logger }));
      break;
    }
    // Most workers of a large fleet own nothing: what they ask for costs the writer one read a second.
    const isFull = free.size === 0;
    this.takeAtMs = nowMs + Math.max(MODESTY_MS * this.owned.size, isFull ? leaseMs / ASKS_PER_LEASE : 0);
  }

  private async tendStreams(): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    if (nowMs < this.tendAtMs) return;
    this.tendAtMs = nowMs + (this.mayRest ? QUIET_TEND_MS : TEND_MS);
    const isClaimDue = nowMs >= this.claimAtMs;
    if (isClaimDue) this.claimAtMs = nowMs + this.config.env.AUDIT_TAKEOVER_MS;
    for (const worker of this.owned.values()) {
      await worker.tend();
      if (isClaimDue) await worker.claimLate();
    }
  }

  private report(error: unknown): void {
    if (isDatabaseUnavailable(error) || isRedisUnavailable(error))
      this.logger.debug({ reason: String(error) }, 'the sink of the audit log waits');
    else
      this.logger.error({ err: error }, 'a batch of audit entries could not be written; it is tried again');
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
