import { PrismaPg } from '@prisma/adapter-pg';
import { isDatabaseUnavailable, isNodeUnavailable } from './database-errors.js';
import { NotInRecoveryError } from './database-outages.js';
import { PrismaClient } from './generated/client.js';
import type { NodePool } from './node-pool.js';
import type { NodeProbe, NodeState } from './node-probe.js';
import { ReplicaAdmission, ReplicaLostError } from './replica-admission.js';
import { parseWalPosition, type WalPosition } from './wal-position.js';

export interface ReplicaEvents {
  onEjected(reason: unknown): void;
  onReadmitted(): void;
  onProbe(outcome: 'answered' | 'failed'): void;
}

export interface ReplicaOptions {
  readonly pool: NodePool;
  readonly probe: Pick<NodeProbe, 'askAnew'>;
  readonly events: ReplicaEvents;
  /** Longest pause between two probes. */
  readonly probePauseMaxMs: number;
}

/** One read replica: its pool, what it is known to have replayed, and whether it may be asked. */
export class Replica {
  readonly client: PrismaClient;
  readonly pool: NodePool;
  private readonly admission: ReplicaAdmission;
  private replayed: WalPosition = 0n;
  /** Zero until a look has told it. */
  private timeline = 0;

  constructor({ pool, probe, events, probePauseMaxMs }: ReplicaOptions) {
    this.pool = pool;
    this.client = new PrismaClient({ adapter: new PrismaPg(pool) });
    this.admission = new ReplicaAdmission({
      pauseMaxMs: probePauseMaxMs,
      probe: () =>
        askStandby(probe).then(
          (state) => {
            events.onProbe('answered');
            this.learn(state);
          },
          (error: unknown) => {
            events.onProbe('failed');
            throw error;
          },
        ),
      onEjected: (reason) => {
        // It may come back as another copy of the data, which has replayed less.
        this.replayed = 0n;
        this.timeline = 0;
        events.onEjected(reason);
      },
      onReadmitted: () => {
        events.onReadmitted();
      },
    });
  }

  get isAdmitted(): boolean {
    return this.admission.isAdmitted;
  }

  get pending(): number {
    return this.admission.pending;
  }

  /**
   * True when what it has replayed belongs to the history of a writer on this timeline. One that still
   * follows a primary that was replaced may have more of the old history than the new writer took over, and
   * its positions then mean something else.
   */
  isOn(timeline: number): boolean {
    return this.timeline >= timeline;
  }

  /** A look at the node outside of its pool. */
  heard(state: NodeState): void {
    if (!this.isAdmitted) return;
    if (state.isStandby) this.learn(state);
    else this.admission.eject(new NotInRecoveryError());
  }

  /** A look at the node failed: found out before a read has to. */
  lookFailed(error: unknown): void {
    if (isNodeUnavailable(error)) this.admission.eject(error);
  }

  /**
   * What the work read here; null when it gave null, and when the replica failed it: then another node is
   * to be asked. A node that could not be reached or did not answer is ejected.
   */
  async attempt<T>(work: () => Promise<T | null>): Promise<T | null> {
    try {
      return await this.admission.run(work);
    } catch (error) {
      if (error instanceof ReplicaLostError) return null;
      if (isNodeUnavailable(error)) this.admission.eject(error);
      // A statement that was in the way of the replay says nothing of the node.
      else if (!isDatabaseUnavailable(error)) throw error;
      return null;
    }
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
    if (position === null) throw new NotInRecoveryError();
    const replayed = parseWalPosition(position);
    if (replayed > this.replayed) this.replayed = replayed;
    return replayed;
  }

  private learn({ position, timeline }: NodeState): void {
    if (position > this.replayed) this.replayed = position;
    if (timeline > this.timeline) this.timeline = timeline;
  }

  async close(): Promise<void> {
    this.admission.close();
    await this.client.$disconnect();
    await this.pool.end();
  }
}

async function askStandby(probe: Pick<NodeProbe, 'askAnew'>): Promise<NodeState> {
  const state = await probe.askAnew();
  if (!state.isStandby) throw new NotInRecoveryError();
  return state;
}
