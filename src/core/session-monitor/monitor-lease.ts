import { newId } from '../../common/ids.js';
import { redisKeys, RedisScript, type RedisService } from '../../infrastructure/redis/index.js';
import type { SessionStatistics } from './session-monitor.js';

/** A leader that has not renewed its lease for this long has lost it; another one takes over. */
export const LEASE_MS = 6000;
/** The statistics of a fleet whose monitor has stood still for longer are no statistics. */
const STATISTICS_KEPT_MS = 24 * 3_600_000;

export interface HeldLease {
  /** Greater than that of every earlier lease; 0 when another process leads. */
  readonly fence: number;
  /** Since the last complete run of the fleet; null when none is known. */
  readonly sinceCompletedMs: number | null;
}

const file = (name: string): URL => new URL(`./scripts/${name}.lua`, import.meta.url);

const scripts = {
  hold: new RedisScript(file('lease-hold'), (reply): HeldLease => {
    const [fence = 0, sinceMs = -1] = (reply as unknown[]).map(Number);
    return { fence, sinceCompletedMs: sinceMs < 0 ? null : sinceMs };
  }),
  release: new RedisScript(file('lease-release'), Number),
  publish: new RedisScript(file('statistics-publish'), Number),
} as const;

/**
 * Who of the fleet monitors the sessions, and what the last one found: in the Redis of the sessions, because
 * without that there is nothing to monitor, and because there the right to publish is checked in the
 * same step that publishes. Times are the server's. Every method throws when Redis does not answer.
 */
export class MonitorLease {
  private readonly holder = newId();
  private readonly keys = [redisKeys.sessionMonitorLease(), redisKeys.sessionMonitorStatistics()];

  constructor(private readonly redis: RedisService) {}

  /** Takes the lease or renews it. */
  hold(): Promise<HeldLease> {
    return scripts.hold.run(this.client, this.keys, [this.holder, LEASE_MS]);
  }

  async release(fence: number): Promise<void> {
    await scripts.release.run(this.client, this.keys.slice(0, 1), [this.holder, fence]);
  }

  /** False when the lease of this fence is lost; then nothing changes. */
  async publish(fence: number, statistics: SessionStatistics): Promise<boolean> {
    const args = [this.holder, fence, JSON.stringify(statistics), STATISTICS_KEPT_MS];
    return (await scripts.publish.run(this.client, this.keys, args)) === 1;
  }

  async read(): Promise<SessionStatistics | null> {
    const json = await this.client.hget(redisKeys.sessionMonitorStatistics(), 'json');
    return json === null ? null : (JSON.parse(json) as SessionStatistics);
  }

  private get client() {
    return this.redis.client('sessions');
  }
}
