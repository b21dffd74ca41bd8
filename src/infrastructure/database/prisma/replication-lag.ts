import type { WalPosition } from './wal-position.js';

/** Two minutes of looks at the default interval. */
const SAMPLES_MAX = 120;

export interface Lag {
  readonly bytes: number;
  /** How long ago the writer was where the replica is not yet; 0 when the replica has everything. */
  readonly ms: number;
}

/**
 * How far replicas are behind, in bytes and in time, from where the writer was seen when. It needs no
 * clock of a server, and an idle writer makes nobody late: `now() - pg_last_xact_replay_timestamp()` grows
 * on a replica that lacks nothing.
 *
 * Exact to the interval of the looks, and bounded: beyond the oldest look it says that age.
 */
export class ReplicationLag {
  private readonly samples: { readonly atMs: number; readonly position: WalPosition }[] = [];

  /** Where the writer was at that time. */
  record(atMs: number, position: WalPosition): void {
    const last = this.samples.at(-1);
    // A writer that stands still was there first when it came there.
    if (last !== undefined && position <= last.position) return;
    this.samples.push({ atMs, position });
    if (this.samples.length > SAMPLES_MAX) this.samples.shift();
  }

  of(replayed: WalPosition, nowMs: number): Lag {
    const missing = this.samples.find(({ position }) => position > replayed);
    const last = this.samples.at(-1);
    if (missing === undefined || last === undefined) return { bytes: 0, ms: 0 };
    return { bytes: Number(last.position - replayed), ms: Math.max(0, nowMs - missing.atMs) };
  }

  /** Another writer: positions of two timelines do not compare. */
  clear(): void {
    this.samples.length = 0;
  }
}
