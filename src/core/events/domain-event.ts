/** Something that happened, named in the past tense with a version: `order.paid.v1`. */
export interface NewEvent {
  readonly type: string;
  readonly aggregateId: string;
  /** JSON that any version of any consumer may read for ever; holds no personal data. */
  readonly payload: Readonly<Record<string, unknown>>;
  /**
   * Whether every process must hear of it, because it holds copies that the event makes untrue. The others
   * go to the audit log and stay in the outbox: each of 200 processes would read every order of all.
   */
  readonly isBroadcast: boolean;
  /** What the audit log says of it, made by `auditNote` of core/audit-log; stays in the database. */
  readonly audit?: string;
  /**
   * Of the request behind it, where many are worked on together; null when there is none. Otherwise left out:
   * the event belongs to what its caller runs in. Kept only while it is recorded.
   */
  readonly traceparent?: string | null | undefined;
}

/** As every process hears of it. */
export interface DomainEvent extends Pick<NewEvent, 'type' | 'aggregateId' | 'payload'> {
  /** Delivery is at least once: consumers that must not repeat themselves remember this id. */
  readonly id: string;
  /** Everything at or behind this WAL position was committed when the event was relayed. */
  readonly position: bigint;
}
