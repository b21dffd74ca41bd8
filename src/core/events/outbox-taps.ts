import { Injectable } from '@nestjs/common';

/** A committed event as it lies in the outbox. */
export interface TappedEvent {
  readonly id: string;
  readonly audit: string | null;
}

/**
 * Must take every event, and be idempotent: when it rejects, and after a crash, the same events come again.
 * They come in the order of the outbox.
 */
export type OutboxTap = (events: readonly TappedEvent[]) => Promise<void>;

/** Who gets the events of the outbox before they count as published, in the process that relays them. */
@Injectable()
export class OutboxTaps {
  private readonly taps: OutboxTap[] = [];
  /** The relay repeats a batch when Redis does not take it; the taps have had it then. */
  private taken = new Set<string>();

  register(tap: OutboxTap): void {
    this.taps.push(tap);
  }

  async give(events: readonly TappedEvent[]): Promise<void> {
    const fresh = events.filter(({ id }) => !this.taken.has(id));
    if (fresh.length > 0) for (const tap of this.taps) await tap(fresh);
    this.taken = new Set(events.map(({ id }) => id));
  }
}
