import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { AppConfig } from '../../config/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { DelayController } from './delay-controller.js';
import { GradientLimit } from './gradient-limit.js';
import { exposeLoadShedding } from './load-shedding.metrics.js';
import { type Lane, LoadShedding, PRIORITIES, type Priority } from './load-shedding.js';
import { OpenRequests, PriorityLane } from './priority-lane.js';

/** Five measurements to an interval of the controller. Each costs a microsecond, and an idle process a wake-up. */
const SAMPLE_INTERVAL_MS = 20;
/** A loop that has let no timer fire for so long has none of them fire at present. */
const STARVED_MS = 2 * SAMPLE_INTERVAL_MS;
/** Where the limit begins, within its bounds; it finds its place by itself. */
const LIMIT_INITIAL = 1024;
/** A few critical requests always pass: their answers show that the overload is over. */
const CRITICAL_SHED_SHARE_MAX = 0.95;
/** An overload is over when it has not come back for so long; it is logged once. */
const CALM_AFTER_MS = 5000;

@Injectable()
export class AdaptiveLoadShedding
  extends LoadShedding
  implements OnApplicationBootstrap, OnApplicationShutdown
{
  private readonly all = new OpenRequests(() => {
    this.lookWhileStarved();
  });
  private readonly lanes: Readonly<Record<Priority, PriorityLane>>;
  private readonly controller: DelayController;
  private readonly gradient: GradientLimit;
  private readonly limitMax: number;
  private readonly shares: Readonly<Record<'important' | 'ordinary', number>>;
  private timer: NodeJS.Timeout | null = null;
  /** When the timer fired last. */
  private firedMs = 0;
  private observedMs = 0;
  private shedSeen = 0;
  /** When something was last turned away; null while the process counts as calm. */
  private lastShedMs: number | null = null;

  constructor(
    { env }: AppConfig,
    private readonly clock: Clock,
    private readonly logger: Logger,
    metrics: Metrics,
  ) {
    super();
    this.lanes = {
      critical: new PriorityLane('critical', this.all),
      important: new PriorityLane('important', this.all),
      ordinary: new PriorityLane('ordinary', this.all),
    };
    this.controller = new DelayController(clock, env.LOAD_SHEDDING_DELAY_TARGET_MS);
    this.limitMax = Math.max(env.LOAD_SHEDDING_LIMIT_MIN, env.LOAD_SHEDDING_LIMIT_MAX);
    this.gradient = new GradientLimit({
      initial: LIMIT_INITIAL,
      min: env.LOAD_SHEDDING_LIMIT_MIN,
      max: this.limitMax,
    });
    this.shares = {
      important: env.LOAD_SHEDDING_IMPORTANT_SHARE_PERCENT / 100,
      ordinary: env.LOAD_SHEDDING_ORDINARY_SHARE_PERCENT / 100,
    };
    this.applyLimit();
    exposeLoadShedding(metrics, {
      lanes: PRIORITIES.map((priority) => this.lanes[priority]),
      limit: () => this.gradient.limit,
      level: () => this.controller.level,
      delayMs: () => this.controller.standingDelayMs,
    });
  }

  lane(priority: Priority): Lane {
    return this.lanes[priority];
  }

  onApplicationBootstrap(): void {
    this.firedMs = this.clock.monotonicMs();
    this.timer = setInterval(() => {
      this.sample();
    }, SAMPLE_INTERVAL_MS).unref();
  }

  /** After the draining, which is no time to be overloaded either. */
  onApplicationShutdown(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** One measurement: how much later than asked for is the timer? */
  sample(): void {
    const nowMs = this.clock.monotonicMs();
    const delayMs = this.latenessAt(nowMs);
    this.firedMs = nowMs;
    this.observe(nowMs, delayMs);
  }

  /**
   * While more sockets can be read than one question to the kernel returns, the loop goes on reading, for seconds, and
   * no timer fires (libuv asks up to 48 times for 1,024). The requests that it reads then look at the clock.
   */
  private lookWhileStarved(): void {
    if (this.timer === null) return;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.observedMs >= STARVED_MS) this.observe(nowMs, this.latenessAt(nowMs));
  }

  private latenessAt(nowMs: number): number {
    return Math.max(0, nowMs - this.firedMs - SAMPLE_INTERVAL_MS);
  }

  private observe(nowMs: number, delayMs: number): void {
    this.observedMs = nowMs;
    if (!this.controller.observe(delayMs)) return;
    this.applyLevel();
    this.adaptLimit();
    this.report(nowMs);
  }

  private applyLevel(): void {
    const { level } = this.controller;
    const shareAbove = (floor: number): number => Math.max(0, Math.min(1, level - floor));
    this.lanes.ordinary.shedFrom(shareAbove(0));
    this.lanes.important.shedFrom(shareAbove(1));
    this.lanes.critical.shedFrom(Math.min(CRITICAL_SHED_SHARE_MAX, shareAbove(2)));
  }

  private adaptLimit(): void {
    const important = this.lanes.important.takeWindow();
    const ordinary = this.lanes.ordinary.takeWindow();
    this.gradient.update([important, ordinary], this.all.takePeak());
    this.applyLimit();
  }

  private applyLimit(): void {
    const { limit } = this.gradient;
    this.all.limit = limit;
    this.lanes.critical.guaranteed = this.limitMax;
    this.lanes.important.guaranteed = Math.floor(limit * this.shares.important);
    this.lanes.ordinary.guaranteed = Math.floor(limit * this.shares.ordinary);
  }

  private report(nowMs: number): void {
    const shed = PRIORITIES.reduce((sum, priority) => {
      const { delay, concurrency } = this.lanes[priority].shed;
      return sum + delay + concurrency;
    }, 0);
    if (shed !== this.shedSeen) {
      if (this.lastShedMs === null)
        this.logger.warn(
          {
            loopDelayMs: Math.round(this.controller.standingDelayMs),
            level: this.controller.level,
            open: this.all.count,
            limit: this.all.limit,
          },
          'overloaded: requests are being turned away',
        );
      this.shedSeen = shed;
      this.lastShedMs = nowMs;
    } else if (this.lastShedMs !== null && nowMs - this.lastShedMs > CALM_AFTER_MS) {
      this.lastShedMs = null;
      this.logger.info({ shed }, 'no longer overloaded');
    }
  }
}
