import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { Clock } from '../../common/clock.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { Metrics } from '../../infrastructure/metrics/index.js';
import { EndedSessions } from './ended-sessions.js';
import { RegionFeed } from './region-feed.js';
import { SessionRegions } from './session-regions.js';
import { sessionTermsOf } from './session-terms.js';
import { SessionMetrics } from './session.metrics.js';

/** The start waits this long for the first look; without a store the process starts as it goes on without one. */
const FIRST_LOOK_DEADLINE_MS = 1000;
const FIRST_LOOK_CHECK_MS = 10;

/**
 * Keeps {@link EndedSessions} true in this process: ends are pushed to it by the script that makes them, and
 * it looks for them as well, every SESSION_REVOCATION_POLL_MS and whenever a push may have been missed. Each
 * region is listened to and looked at by itself.
 *
 * An end is known here within milliseconds, and the way from its region; when its message is lost, within
 * SESSION_REVOCATION_POLL_MS and the deadline of one command. While the session store of a region is away
 * nothing of it is learned, and what is known stays known: access tokens work until they expire.
 */
@Injectable()
export class RevocationFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly feeds: readonly RegionFeed[];

  constructor(
    regions: SessionRegions,
    ended: EndedSessions,
    metrics: SessionMetrics,
    private readonly clock: Clock,
    logger: Logger,
    registry: Metrics,
    config: AppConfig,
  ) {
    const { FEATURE_SESSION_REVOCATION, SESSION_REVOCATION_POLL_MS } = config.env;
    const terms = { pollMs: SESSION_REVOCATION_POLL_MS, toldMs: sessionTermsOf(config).toldMs };
    this.feeds = FEATURE_SESSION_REVOCATION
      ? regions.all.map((region) => new RegionFeed(region, terms, ended, metrics, clock, logger))
      : [];
    const startedAtMs = clock.monotonicMs();
    registry.gauge({
      name: 'session_revocations_age_seconds',
      help: 'Time since this process has last looked for ended sessions of a region with success',
      labelNames: ['region'],
      collect: (gauge) => {
        for (const { region, lookedAtMs } of this.feeds)
          gauge.set({ region: region.name }, (clock.monotonicMs() - (lookedAtMs ?? startedAtMs)) / 1000);
      },
    });
  }

  /** Resolves when the process knows what ended before it started, or cannot learn it now. */
  async onApplicationBootstrap(): Promise<void> {
    const deadlineMs = this.clock.monotonicMs() + FIRST_LOOK_DEADLINE_MS;
    for (const feed of this.feeds) feed.start();
    while (this.feeds.some(({ lookedAtMs }) => lookedAtMs === null) && this.clock.monotonicMs() < deadlineMs)
      await sleep(FIRST_LOOK_CHECK_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => feed.stop()));
  }
}
