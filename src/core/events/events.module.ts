import { Global, Module } from '@nestjs/common';
import { EventOutbox } from './event-outbox.js';
import { EventStream } from './event-stream.js';
import { OutboxBell } from './outbox-bell.js';
import { OutboxRelay } from './outbox-relay.js';
import { OutboxTaps } from './outbox-taps.js';
import { OutboxWatch } from './outbox-watch.js';

@Global()
@Module({
  providers: [EventOutbox, EventStream, OutboxBell, OutboxRelay, OutboxTaps, OutboxWatch],
  exports: [EventOutbox, EventStream, OutboxTaps],
})
export class EventsModule {}
