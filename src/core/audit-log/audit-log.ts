/**
 * How sure a caller can be of an event when `record` has resolved, and what becomes of it when nothing
 * can take it:
 * - `access` (looking at something): kept in memory, and the first to be dropped when the buffer fills up.
 * - `security` (signing in and out, refusals, forced states): in Redis, or on this machine's disk while
 *   Redis is away. Dropped only when buffer and spool are both full, which is logged as an error.
 * - `business` (money, stock, the catalogue): committed with its transaction. These are never given to
 *   `record`: an {@link auditNote} on the event in the outbox is what makes them.
 */
export type AuditClass = 'access' | 'security' | 'business';

/** Who acted: a user, somebody without an account, or a part of the machinery. */
export type AuditActor = `user:${string}` | 'anonymous' | `system:${string}`;

/** The request behind an event. */
export interface AuditOrigin {
  readonly requestId: string;
  /** Of our trace, or of the caller's; null when there is neither. */
  readonly traceId: string | null;
  /** W3C `traceparent` of the span that the event happened in, or of the caller's; null when there is neither. */
  readonly traceparent?: string | null | undefined;
  readonly ip: string | null;
}

/** What was done. Texts are cut to 200 characters and lose their control characters. */
export interface AuditAction {
  readonly actor: AuditActor;
  /** In the past tense: `order.placed`, `auth.login-refused`. */
  readonly action: string;
  /** `<kind>:<id>`: `order:0193…`. Entries of one resource keep their order. */
  readonly resource: string;
  /** A word or two on why. */
  readonly cause?: string | undefined;
  /**
   * What changed, as JSON. Members whose names promise secrets, and values that look like tokens or card
   * numbers, are replaced before anything is stored or sent; what is too large is cut.
   */
  readonly before?: unknown;
  readonly after?: unknown;
  /** Null where no request is behind it. */
  readonly origin?: AuditOrigin | null | undefined;
}

export interface AuditEvent extends AuditAction {
  readonly class: Exclude<AuditClass, 'business'>;
}

/** Where an event was when `record` resolved. `off`: the audit log is switched off. */
export type AuditReceipt = 'memory' | 'redis' | 'disk' | 'dropped' | 'off';

/**
 * The audit log: who did what to what, kept in PostgreSQL in chains that show every later change.
 *
 * `record` never rejects and never fails its caller: an event that nothing could take is `dropped`,
 * counted and logged. It takes microseconds for `access` and one round trip, shared with whatever else is
 * recorded at the time, for `security`. An event that was acknowledged is in the table exactly once in the
 * end, whatever dies meanwhile, except what is lost with its keeper: the last two seconds of a Redis with
 * `appendfsync everysec`, and the spool of a machine that never comes back.
 *
 * While Redis is away, hangs, or its streams are full, events go to the spool (AUDIT_SPOOL_DIR), each
 * written through to the disk before it is acknowledged, and from there to Redis in their order later.
 * While PostgreSQL is away they wait in Redis. A process that stops hands over what it has.
 *
 * Producers write to one of AUDIT_PARTITIONS streams, chosen by the resource. Each stream has one owner
 * among the workers, fenced by the row of its chain, which writes its entries in their order.
 */
export abstract class AuditLog {
  abstract record(event: AuditEvent): Promise<AuditReceipt>;
}
