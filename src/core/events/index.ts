export type { DomainEvent, NewEvent } from './domain-event.js';
export { EventOutbox } from './event-outbox.js';
export { EventStream } from './event-stream.js';
export { EventsModule } from './events.module.js';
export { OutboxTaps, type OutboxTap, type TappedEvent } from './outbox-taps.js';
