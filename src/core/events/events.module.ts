import { Global, Module } from '@nestjs/common';
import { EventOutbox } from './event-outbox.js';
import { EventStream } from './event-stream.js';

@Global()
@Module({ providers: [EventOutbox, EventStream], exports: [EventOutbox, EventStream] })
export class EventsModule {}
