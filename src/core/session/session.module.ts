import { Global, Module } from '@nestjs/common';
import { DistributedSessionService } from './distributed-session.service.js';
import { SessionStore } from './session-store.js';

@Global()
@Module({
  providers: [{ provide: SessionStore, useClass: DistributedSessionService }],
  exports: [SessionStore],
})
export class SessionModule {}
