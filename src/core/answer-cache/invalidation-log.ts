import type { WalPosition } from '../../infrastructure/database/prisma/index.js';

/**
 * Since which WAL position each tag's content is known to be different: an answer that was read before
 * it is not true any more. Bounded: when a tag is forgotten, its position becomes everybody's, so that
 * forgetting costs refills and never truth.
 */
export class InvalidationLog {
  private readonly positions = new Map<string, WalPosition>();
  private baseline: WalPosition = 0n;
  private changes = 0;

  constructor(private readonly tagsMax: number) {}

  /** Grows with each change; while it stays, what was valid is valid. */
  get epoch(): number {
    return this.changes;
  }

  get size(): number {
    return this.positions.size;
  }

  record(tag: string, position: WalPosition): void {
    const known = this.positions.get(tag);
    if (known !== undefined && known >= position) return;
    // Positions only grow: the map's order of insertion is nearly that of the positions.
    this.positions.delete(tag);
    this.positions.set(tag, position);
    this.changes += 1;
    if (this.positions.size > this.tagsMax) {
      const [oldest] = this.positions;
      if (oldest !== undefined) {
        this.positions.delete(oldest[0]);
        this.raiseBaseline(oldest[1]);
      }
    }
  }

  /** Nothing that was read before this position is trusted any more, whatever its tags. */
  raiseBaseline(position: WalPosition): void {
    if (position <= this.baseline) return;
    this.baseline = position;
    this.changes += 1;
  }

  /** The position as of which an answer with these tags must have been read. */
  floorOf(tags: readonly string[]): WalPosition {
    let floor = this.baseline;
    for (const tag of tags) {
      const position = this.positions.get(tag);
      if (position !== undefined && position > floor) floor = position;
    }
    return floor;
  }
}
