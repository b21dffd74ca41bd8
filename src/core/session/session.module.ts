import { Global, Module } from '@nestjs/common';
import { AppConfig } from '../../config/index.js';
import { DistributedSessionService } from './distributed-session.service.js';
import { EndedSessions } from './ended-sessions.js';
import { RevocationFeed } from './revocation-feed.js';
import { SessionActivity } from './session-activity.js';
import { SessionCensus } from './session-census.js';
import { SessionRegions } from './session-regions.js';
import { SessionStore } from './session-store.js';
import { SessionMetrics } from './session.metrics.js';

@Global()
@Module({
  providers: [
    {
      provide: EndedSessions,
      inject: [AppConfig, SessionRegions],
      useFactory: ({ env }: AppConfig, { unmarked }: SessionRegions) =>
        new EndedSessions(env.FEATURE_SESSION_REVOCATION, undefined, unmarked.name),
    },
    SessionRegions,
    SessionMetrics,
    DistributedSessionService,
    { provide: SessionStore, useExisting: DistributedSessionService },
    RevocationFeed,
    SessionActivity,
    SessionCensus,
  ],
  exports: [SessionStore, EndedSessions, SessionActivity],
})
export class SessionModule {}
