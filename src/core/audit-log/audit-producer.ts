import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Doorbell, redisKeys, RedisScript, RedisService } from '../../infrastructure/redis/index.js';
import { activeTracing, type Tracing } from '../../infrastructure/tracing/index.js';
import { AuditBatch } from './audit-batch.js';
import type { AuditReceipt } from './audit-log.js';
import { AuditMetrics } from './audit-log.metrics.js';
import { AuditSpool } from './audit-spool.js';

/** Events that are sent together; the reply of one such batch is well within the deadline of a command. */
const BATCH_EVENTS = 1000;
/** A stream that nobody writes to or reads for this long is gone. */
const STREAM_LIFE_MS = 30 * 24 * 3_600_000;
/** While Redis does not take events, it is asked again this often. */
const RETRY_MS = 250;
/** `access` events are dropped from this share of the buffer on. */
const DROPPABLE_SHARE = 0.5;

const appendScript = new RedisScript<number>(new URL('./scripts/batch-append.lua', import.meta.url), Number);

interface Batch {
  readonly lines: AuditBatch;
  readonly receipt: Promise<AuditReceipt>;
  readonly settle: (receipt: AuditReceipt) => void;
  /** It is under way, or was: nothing more goes into it. */
  isSealed: boolean;
  /** Of the first of its events; null without tracing. */
  readonly inTrace: ReturnType<Tracing['here']> | null;
}

/**
 * Takes lines to their streams: batches of what arrives while the batch before is under way, one round trip
 * each. When Redis does not take a batch, it goes to the spool, and so does everything behind it until the
 * spool is empty again, so that the order is kept. What the spool cannot take waits in memory.
 *
 * A batch is sent in the trace of its first event, and what was spooled in none.
 */
@Injectable()
export class AuditProducer implements BeforeApplicationShutdown {
  private readonly queue: Batch[] = [];
  private buffered = 0;
  private spool: AuditSpool | null = null;
  private isPumping = false;
  private pumping: Promise<void> | null = null;
  private retryAtMs = -Infinity;
  private readonly bufferMax: number;
  private isDown = false;
  private isStopping = false;
  private hasSpoolFailed = false;
  private wakeUp: (() => void) | null = null;
  private readonly bell: Doorbell;
  private readonly tracing = activeTracing();
  /** Asked while nothing runs yet. */
  private readonly outsideTraces = this.tracing?.here() ?? null;

  constructor(
    private readonly config: AppConfig,
    private readonly redis: RedisService,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly metrics: AuditMetrics,
  ) {
    this.bufferMax = config.env.AUDIT_BUFFER_MAX;
    this.bell = new Doorbell(redis, redisKeys.auditBell(), clock);
  }

  get bufferedEvents(): number {
    return this.buffered;
  }

  get spoolBytes(): number {
    return this.spool?.bytes ?? 0;
  }

  /** The directory could not be opened, or did not take the last batch, for want of room or rights. */
  get isSpoolBroken(): boolean {
    return this.hasSpoolFailed;
  }

  /** Opens the spool and begins to hand on what an earlier process left there. */
  async start(): Promise<void> {
    const { AUDIT_SPOOL_DIR: directory, AUDIT_SPOOL_MAX_BYTES: bytesMax } = this.config.env;
    if (directory === '') return;
    try {
      this.spool = await AuditSpool.open(directory, bytesMax, this.clock.nowMs());
    } catch (error) {
      this.hasSpoolFailed = true;
      this.logger.error({ err: error }, 'the spool of the audit log cannot be used; events wait in memory');
      return;
    }
    if (!this.spool.isEmpty) this.pump();
  }

  /** The receipt is a promise of the whole batch; null when the event was dropped. */
  submit(route: number, line: string, isDroppable: boolean): Promise<AuditReceipt> | null {
    if (this.buffered >= this.bufferMax * (isDroppable ? DROPPABLE_SHARE : 1)) return null;
    let batch = this.queue.at(-1);
    if (batch === undefined || batch.isSealed || batch.lines.size >= BATCH_EVENTS) {
      batch = newBatch(this.config.env.AUDIT_PARTITIONS, this.tracing);
      this.queue.push(batch);
    }
    batch.lines.add(route, line);
    this.buffered += 1;
    this.pump();
    return batch.receipt;
  }

  /** Resolves when nothing waits in memory or on the disk any more. While Redis is away that takes as long. */
  async drain(): Promise<void> {
    this.pump();
    await this.pumping;
  }

  /** Hands over what there is, to Redis or to the disk, while the connections are still there. */
  async beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    this.retryAtMs = -Infinity;
    await this.drain();
    if (this.buffered > 0)
      this.logger.error(
        { count: this.buffered },
        'audit events are lost: the process ends and nothing takes them',
      );
    await this.spool?.close();
  }

  private pump(): void {
    this.wakeUp?.();
    if (this.isPumping) return;
    this.isPumping = true;
    this.pumping = this.outsideTraces === null ? this.work() : this.outsideTraces(() => this.work());
  }

  /** Ends when there is nothing to do; while Redis is away it stays and tries again. */
  private async work(): Promise<void> {
    // What else is recorded in this turn of the event loop comes along.
    await new Promise(setImmediate);
    try {
      for (;;) {
        const [batch] = this.queue;
        const isStored = batch === undefined || (await this.storeInTrace(batch));
        if (this.isStopping && (!isStored || this.queue.length === 0)) return;
        if (this.hasSpooled && this.isDue) await this.replay();
        if (isStored && this.queue.length > 0) continue;
        if (isStored && !this.hasSpooled) return;
        if (!this.isDue) await this.pause(isStored);
      }
    } finally {
      // In the same step that has found nothing: what is recorded a microtask later begins anew.
      this.isPumping = false;
    }
  }

  /** Until Redis may be asked again, the process stops, or, when the disk takes events, there are some. */
  private pause(canStore: boolean): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.wakeUp = null;
        resolve();
      };
      const timer = setTimeout(end, Math.max(1, this.retryAtMs - this.clock.monotonicMs()));
      this.wakeUp = () => {
        if (canStore || this.isStopping) end();
      };
    });
  }

  private get hasSpooled(): boolean {
    return this.spool !== null && !this.spool.isEmpty;
  }

  private get isDue(): boolean {
    return this.clock.monotonicMs() >= this.retryAtMs;
  }

  private storeInTrace(batch: Batch): Promise<boolean> {
    return batch.inTrace === null ? this.store(batch) : batch.inTrace(() => this.store(batch));
  }

  /** False when the batch stays in memory. Only the oldest batch is ever stored, so that the order is kept. */
  private async store(batch: Batch): Promise<boolean> {
    batch.isSealed = true;
    const isSent = !this.hasSpooled && this.isDue && (await this.send(batch.lines));
    const isSpooled = !isSent && (await this.spoolLines(batch.lines));
    if (!isSent && !isSpooled) {
      // Nobody waits for what may take long: the receipt says how little is certain.
      batch.settle('memory');
      return false;
    }
    this.queue.shift();
    this.buffered -= batch.lines.size;
    this.metrics.sent.inc({ to: isSent ? 'redis' : 'disk' }, batch.lines.size);
    const receipt: AuditReceipt = isSent ? 'redis' : 'disk';
    // The next batch goes out before a thousand callers go on.
    if (this.queue.length > 0) setImmediate(batch.settle, receipt);
    else batch.settle(receipt);
    return true;
  }

  private async spoolLines(lines: AuditBatch): Promise<boolean> {
    if (this.spool === null) return false;
    try {
      const isTaken = await this.spool.append(lines.lines());
      this.reportSpool(isTaken ? null : 'it is full');
      return isTaken;
    } catch (error) {
      this.reportSpool(String(error));
      return false;
    }
  }

  private reportSpool(reason: string | null): void {
    if (reason !== null && !this.hasSpoolFailed)
      this.logger.error({ reason }, 'the spool of the audit log takes nothing; events wait in memory');
    this.hasSpoolFailed = reason !== null;
  }

  private async replay(): Promise<void> {
    try {
      const chunk = (await this.spool?.peek()) ?? null;
      if (chunk === null) return;
      if (!(await this.send(AuditBatch.of(chunk.lines, this.config.env.AUDIT_PARTITIONS)))) return;
      await this.spool?.remove(chunk);
      this.metrics.replayed.inc(chunk.lines.length);
    } catch (error) {
      this.reportSpool(String(error));
      this.retryAtMs = this.clock.monotonicMs() + RETRY_MS;
    }
  }

  /** True when every stream has its lines. When one has not, others may have theirs: they come twice then. */
  private async send(lines: AuditBatch): Promise<boolean> {
    const client = this.redis.client('main');
    const { AUDIT_STREAM_ENTRIES_MAX: entriesMax } = this.config.env;
    this.bell.ring();
    try {
      const lengths = await Promise.all(
        lines
          .entries()
          .map(({ partition, entries }) =>
            appendScript.run(
              client,
              [redisKeys.auditStream(String(partition))],
              [entriesMax, STREAM_LIFE_MS, ...entries],
            ),
          ),
      );
      if (lengths.includes(-1)) throw new Error('a stream is full');
    } catch (error) {
      this.retryAtMs = this.clock.monotonicMs() + RETRY_MS;
      if (!this.isDown) this.logger.warn({ reason: String(error) }, 'Redis does not take audit events');
      this.isDown = true;
      return false;
    }
    if (this.isDown) this.logger.info({}, 'Redis takes audit events again');
    this.isDown = false;
    return true;
  }
}

function newBatch(partitions: number, tracing: Tracing | null): Batch {
  let settle: Batch['settle'] = () => undefined;
  const receipt = new Promise<AuditReceipt>((resolve) => {
    settle = resolve;
  });
  const inTrace = tracing === null ? null : tracing.here();
  return { lines: new AuditBatch(partitions), receipt, settle, isSealed: false, inTrace };
}
