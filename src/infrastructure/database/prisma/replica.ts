import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import type { Clock } from '../../../common/clock.js';
import { PrismaClient } from './generated/client.js';
import { parseWalPosition, type WalPosition } from './wal-position.js';

/** An ejected replica is asked again after this pause. */
const EJECTION_MS = 1000;

/** One read replica: its pool, what it is known to have replayed, and whether it may be asked. */
export class Replica {
  readonly client: PrismaClient;
  pending = 0;
  private ejectedUntilMs = 0;
  private replayed: WalPosition = 0n;

  constructor(
    readonly pool: Pool,
    private readonly clock: Clock,
  ) {
    this.client = new PrismaClient({ adapter: new PrismaPg(pool) });
  }

  get isEjected(): boolean {
    return this.clock.monotonicMs() < this.ejectedUntilMs;
  }

  eject(): void {
    this.ejectedUntilMs = this.clock.monotonicMs() + EJECTION_MS;
  }

  /** Replay only moves forward, so a position once seen needs no second question. */
  async hasReplayed(position: WalPosition): Promise<boolean> {
    if (this.replayed >= position) return true;
    return (await this.replayPosition()) >= position;
  }

  async replayPosition(): Promise<WalPosition> {
    const result = await this.pool.query<{ position: string | null }>(
      'SELECT pg_last_wal_replay_lsn()::text AS position',
    );
    const position = result.rows[0]?.position ?? null;
    // Null: the node is not in recovery any more; whatever it has now diverges from what we follow.
    if (position === null) throw new Error('the replica is not in recovery');
    this.replayed = parseWalPosition(position);
    return this.replayed;
  }
}
