import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { DistributedSessionService, type Touch } from './distributed-session.service.js';
import { sessionScripts } from './session-scripts.js';
import { SessionMetrics } from './session.metrics.js';

/** Notes of this long go together; a last use that is a quarter of a second late harms nobody. */
const LINGER_MS = 250;
/** More sessions than a process sees for the first time in that time. */
const WAITING_MAX = 10_000;

/**
 * Notes that sessions are in use, behind the requests that use them: nobody waits for a note, and one that
 * fails is not repeated, since the next use after the pause makes up for it. A note changes a session that
 * is there and never makes one.
 */
@Injectable()
export class SessionActivity implements OnApplicationShutdown {
  /** How long after a note of this process no other is due; Infinity when notes are switched off. */
  readonly pauseMs: number;
  private readonly waiting = new Map<string, string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly sessions: DistributedSessionService,
    private readonly metrics: SessionMetrics,
    { env }: AppConfig,
  ) {
    this.pauseMs = env.FEATURE_SESSION_TOUCH ? env.SESSION_TOUCH_INTERVAL_SECONDS * 1000 : Infinity;
  }

  /** Callers keep to the pause. Costs a map entry; never throws. */
  note(subject: string, sessionId: string): void {
    if (this.waiting.size >= WAITING_MAX) {
      this.metrics.touches.dropped.inc();
      return;
    }
    this.waiting.set(sessionId, subject);
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.flush();
    }, LINGER_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
  }

  private async flush(): Promise<void> {
    const calls = new Map<string, Touch[]>();
    for (const [sessionId, subject] of this.waiting) {
      const touch = this.sessions.touchOf(subject, sessionId);
      if (touch === null) {
        this.metrics.touches.gone.inc();
        continue;
      }
      // What one pipeline carries must lie in one slot: the census is that of the shard.
      const slot = `${touch.home.name} ${touch.keys[1] ?? ''}`;
      const batch = calls.get(slot);
      if (batch === undefined) calls.set(slot, [touch]);
      else batch.push(touch);
    }
    this.waiting.clear();
    await Promise.all(
      [...calls.values()].map(async (batch) => {
        const [first] = batch;
        if (first === undefined) return;
        const replies = await sessionScripts.bookTouch
          .runAll(first.home.client, batch)
          .catch(() => batch.map(() => null));
        for (const reply of replies) this.metrics.touches[typeof reply === 'string' ? reply : 'failed'].inc();
      }),
    );
  }
}
