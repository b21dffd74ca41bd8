import { access, constants, statfs } from 'node:fs/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { isRedisUnavailable, redisKeys, RedisService } from '../../infrastructure/redis/index.js';
import { type Finding, HealthChecks } from '../health/index.js';
import { AuditMetrics } from './audit-log.metrics.js';
import { AuditProducer } from './audit-producer.js';

/** With less room than this share of AUDIT_SPOOL_MAX_BYTES the spool counts as nearly full. */
const ROOM_SHARE = 0.2;

/**
 * What somebody has to look at although every event is still taken: a spool that is of no use at the next
 * outage of Redis, or nearly full in this one, and entries that could not be written and were put aside.
 */
@Injectable()
export class AuditHealth implements OnModuleInit {
  private deadLetters = 0;

  constructor(
    private readonly config: AppConfig,
    private readonly checks: HealthChecks,
    private readonly producer: AuditProducer,
    private readonly redis: RedisService,
    private readonly metrics: AuditMetrics,
  ) {}

  onModuleInit(): void {
    const { FEATURE_AUDIT_LOG, AUDIT_SPOOL_DIR } = this.config.env;
    if (!FEATURE_AUDIT_LOG) return;
    if (AUDIT_SPOOL_DIR !== '')
      this.checks.register({
        name: 'audit-spool',
        group: 'storage',
        isCritical: false,
        run: () => this.findSpool(),
      });
    this.checks.register({
      name: 'audit-dead-letters',
      group: 'storage',
      isCritical: false,
      run: () => this.findDeadLetters(),
    });
  }

  private async findSpool(): Promise<Finding> {
    const { AUDIT_SPOOL_DIR: directory, AUDIT_SPOOL_MAX_BYTES: bytesMax } = this.config.env;
    if (this.producer.isSpoolBroken) return 'degraded';
    try {
      await access(directory, constants.W_OK | constants.X_OK);
      const { bavail, bsize } = await statfs(directory);
      const room = Math.min(bytesMax - this.producer.spoolBytes, bavail * bsize);
      return room < bytesMax * ROOM_SHARE ? 'degraded' : 'up';
    } catch {
      return 'degraded';
    }
  }

  /** Of every partition, whoever owns it. While Redis is away, which shows elsewhere, as it was last. */
  private async findDeadLetters(): Promise<Finding> {
    const client = this.redis.client('main');
    const partitions = Array.from({ length: this.config.env.AUDIT_PARTITIONS }, (_, n) => String(n));
    try {
      const lengths = await Promise.all(
        partitions.map((partition) => client.xlen(redisKeys.auditDead(partition))),
      );
      this.deadLetters = lengths.reduce((sum, length) => sum + length, 0);
      this.metrics.deadEntries.set(this.deadLetters);
    } catch (error) {
      if (!isRedisUnavailable(error)) throw error;
    }
    return this.deadLetters > 0 ? 'degraded' : 'up';
  }
}
