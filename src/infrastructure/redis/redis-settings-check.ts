import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../logging/index.js';
import { Metrics } from '../metrics/index.js';
import { findSettings, type SettingsFound, type SettingsNeeded, UnsafeRedisError } from './redis-settings.js';
import type { RedisRole } from './redis-role.js';
import { RedisService } from './redis.service.js';

/** A start does not wait longer for a Redis: without it the process serves, degraded. */
const WAIT_MS = 1000;
const POLL_MS = 20;

/**
 * Looks at the start whether the servers keep what their roles put there: no eviction for anything but
 * a cache of its own, and persistence for main and sessions. A server that comes later, or comes back,
 * is looked at when it comes; then it is too late to refuse, and an error is logged.
 */
@Injectable()
export class RedisSettingsCheck {
  private readonly unsafe = new Set<RedisRole>();

  constructor(
    private readonly config: AppConfig,
    private readonly logger: Logger,
    private readonly redis: RedisService,
    metrics: Metrics,
  ) {
    metrics.gauge({
      name: 'redis_unsafe_settings',
      help: '1 when the server of the role was found with settings that lose data of the role',
      labelNames: ['role'],
      collect: (gauge) => {
        for (const role of redis.sharing().flat()) gauge.set({ role }, this.unsafe.has(role) ? 1 : 0);
      },
    });
  }

  /** @throws UnsafeRedisError unless REDIS_ALLOW_UNSAFE_SETTINGS is set. */
  async run(): Promise<void> {
    const found = await Promise.all(this.redis.sharing().map((roles) => this.checkAtStart(roles)));
    const problems = found.flat();
    if (problems.length > 0 && !this.config.env.REDIS_ALLOW_UNSAFE_SETTINGS)
      throw new UnsafeRedisError(problems);
    for (const problem of problems) this.logger.warn({}, problem);
  }

  private async checkAtStart(roles: readonly RedisRole[]): Promise<string[]> {
    const [role] = roles;
    if (role === undefined) return [];
    const client = this.redis.client(role);
    const deadlineMs = performance.now() + WAIT_MS;
    let found: SettingsFound | null = null;
    while (found === null && performance.now() < deadlineMs) {
      found = this.redis.isReady(role) ? await this.find(roles).catch(() => null) : null;
      if (found === null) await sleep(POLL_MS);
    }
    for (const gap of found?.unknown ?? []) this.logger.warn({ roles }, gap);
    if (found === null)
      this.logger.warn({ roles }, 'Redis is not there; its settings will be checked when it comes');
    client.on('ready', () => {
      this.find(roles).then(
        ({ unsafe, unknown }) => {
          for (const problem of unsafe) this.logger.error({ roles }, problem);
          // Who was there at the start has said so then.
          if (found === null) for (const gap of unknown) this.logger.warn({ roles }, gap);
        },
        () => {
          this.logger.warn({ roles }, 'the settings of a Redis could not be read');
        },
      );
    });
    return [...(found?.unsafe ?? [])];
  }

  /** One line for each problem and each gap: whose, what, and how to mend it. */
  private async find(roles: readonly RedisRole[]): Promise<SettingsFound> {
    const needed: SettingsNeeded = {
      noEviction: roles.some((role) => role !== 'cache'),
      persistence: roles.some((role) => role === 'main' || role === 'sessions'),
    };
    const [first = 'main'] = roles;
    const { unsafe, unknown } = await findSettings(this.redis.client(first), needed);
    for (const role of roles)
      if (unsafe.length > 0) this.unsafe.add(role);
      else this.unsafe.delete(role);
    const owner = `Redis of ${roles.join(', ')}`;
    return {
      unsafe: unsafe.map(
        (problem) =>
          `${owner}: ${problem} (REDIS_ALLOW_UNSAFE_SETTINGS=true starts all the same, for development)`,
      ),
      unknown: unknown.map((gap) => `${owner}: ${gap}`),
    };
  }
}
