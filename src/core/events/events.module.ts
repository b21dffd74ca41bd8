import { Global, Module } from '@nestjs/common';
import { EventOutbox } from './event-outbox.js';
import { EventStream } from './event-stream.js';
import { OutboxRelay } from './outbox-relay.js';

@Global()
@Module({ providers: [EventOutbox, EventStream, OutboxRelay], exports: [EventOutbox, EventStream] })
export class EventsModule {}
