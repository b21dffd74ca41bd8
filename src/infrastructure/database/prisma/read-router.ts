import type { PrismaClient } from './generated/client.js';
import type { PrimaryReads } from './primary-reads.js';
import type { Replica } from './replica.js';
import type { RoutedReads } from './routed-reads.js';
import type { WalPosition } from './wal-position.js';
import type { WriterFollower } from './writer-follower.js';

/**
 * How fresh a read must be: at least a WAL position; `primary` when the position is not known;
 * null when any replica will do.
 */
export type ReadFloor = WalPosition | 'primary' | null;

export interface ReadRouterOptions {
  readonly replicas: readonly Replica[];
  readonly follower: WriterFollower;
  readonly primaryReads: PrimaryReads;
  readonly currentPosition: () => Promise<WalPosition>;
  readonly counts: RoutedReads;
}

/** Replicas that are equally busy take turns of so many reads: changing at each would find every connection cold. */
const TURN_READS = 64;

/**
 * Chooses the node of each read: of the replicas that are admitted and on the writer's timeline the one
 * with the fewest pending reads that has replayed the floor, else the writer, which takes only so many at
 * once. A read that fails on a replica is made again on the next node.
 */
export class ReadRouter {
  private reads = 0;

  constructor(private readonly options: ReadRouterOptions) {}

  async read<T>(floor: ReadFloor, work: (client: PrismaClient) => Promise<T>): Promise<T> {
    const { counts, replicas } = this.options;
    if (floor !== 'primary') {
      for (const replica of this.candidates()) {
        const answer = await replica.attempt(async () =>
          floor === null || (await replica.hasReplayed(floor)) ? { value: await work(replica.client) } : null,
        );
        if (answer === null) continue;
        counts.onReplica(floor !== null);
        return answer.value;
      }
    }
    if (floor !== null && replicas.length > 0) counts.sticky(floor === 'primary');
    return this.onPrimary(work);
  }

  /**
   * Reads on one node and says as of which position at least: the replica's replay position, or the
   * writer's, taken before the read.
   */
  async readWithPosition<T>(
    floor: WalPosition | null,
    work: (client: PrismaClient) => Promise<T>,
  ): Promise<{ value: T; position: WalPosition }> {
    const { counts, replicas, currentPosition } = this.options;
    for (const replica of this.candidates()) {
      const answer = await replica.attempt(async () => {
        const position = await replica.replayPosition();
        if (floor !== null && position < floor) return null;
        return { value: await work(replica.client), position };
      });
      if (answer === null) continue;
      counts.onReplica(floor !== null);
      return answer;
    }
    if (floor !== null && replicas.length > 0) counts.sticky(false);
    return this.onPrimary(async (client) => {
      const position = await currentPosition();
      return { value: await work(client), position };
    });
  }

  /** True when no replica that is read at present lacks anything before the position; also without any. */
  async areReplicasPast(position: WalPosition): Promise<boolean> {
    const answers = await Promise.all(
      this.readable().map((replica) =>
        replica.attempt(async () => ((await replica.hasReplayed(position)) ? true : null)),
      ),
    );
    return answers.every((answer) => answer === true);
  }

  private onPrimary<T>(work: (client: PrismaClient) => Promise<T>): Promise<T> {
    const { primaryReads, follower, counts } = this.options;
    return primaryReads.run(() => {
      counts.onPrimary();
      return work(follower.current.client);
    });
  }

  /** In the order in which a read asks them. */
  private candidates(): Replica[] {
    const readable = this.readable();
    const turn = Math.floor(this.reads / TURN_READS) % Math.max(1, readable.length);
    this.reads += 1;
    return [...readable.slice(turn), ...readable.slice(0, turn)].sort((a, b) => a.pending - b.pending);
  }

  private readable(): Replica[] {
    const { replicas, follower } = this.options;
    return replicas.filter((replica) => replica.isAdmitted && replica.isOn(follower.highestTimeline));
  }
}
