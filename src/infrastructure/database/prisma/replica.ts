import { PrismaPg } from '@prisma/adapter-pg';
import { Client, type ClientConfig, type Pool } from 'pg';
import { isDatabaseUnavailable, isNodeUnavailable } from './database-errors.js';
import { PrismaClient } from './generated/client.js';
import { ReplicaAdmission, ReplicaLostError } from './replica-admission.js';
import { parseWalPosition, type WalPosition } from './wal-position.js';

/** A node that is worth asking says so sooner: a probe is one connection and one statement. */
const PROBE_DEADLINE_MS = 1000;

/** The node is not in recovery any more: whatever it has now diverges from what we follow. */
class NotInRecoveryError extends Error {
  constructor() {
    super('the replica is not in recovery');
    this.name = 'NotInRecoveryError';
  }
}

export interface ReplicaEvents {
  onEjected(reason: unknown): void;
  onReadmitted(): void;
  onProbe(outcome: 'answered' | 'failed'): void;
}

/** One read replica: its pool, what it is known to have replayed, and whether it may be asked. */
export class Replica {
  readonly client: PrismaClient;
  private readonly admission: ReplicaAdmission;
  private replayed: WalPosition = 0n;

  constructor(
    readonly pool: Pool,
    connection: ClientConfig,
    events: ReplicaEvents,
  ) {
    this.client = new PrismaClient({ adapter: new PrismaPg(pool) });
    this.admission = new ReplicaAdmission({
      probe: () =>
        probe(connection).then(
          () => {
            events.onProbe('answered');
          },
          (error: unknown) => {
            events.onProbe('failed');
            throw error;
          },
        ),
      onEjected: (reason) => {
        // It may come back as another copy of the data, which has replayed less.
        this.replayed = 0n;
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
   * What the work read here; null when it gave null, and when the replica failed it: then another node is
   * to be asked. A node that could not be reached or did not answer is ejected.
   */
  async attempt<T>(work: () => Promise<T | null>): Promise<T | null> {
    try {
      return await this.admission.run(work);
    } catch (error) {
      if (error instanceof ReplicaLostError) return null;
      if (error instanceof NotInRecoveryError || isNodeUnavailable(error)) this.admission.eject(error);
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
    this.replayed = parseWalPosition(position);
    return this.replayed;
  }

  async close(): Promise<void> {
    this.admission.close();
    await this.client.$disconnect();
    await this.pool.end();
  }
}

/** On a connection of its own: those of the pool may all hang. */
async function probe(connection: ClientConfig): Promise<void> {
  const client = new Client({
    ...connection,
    connectionTimeoutMillis: PROBE_DEADLINE_MS,
    query_timeout: PROBE_DEADLINE_MS,
  });
  // Its calls reject by themselves; without a listener the event ends the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby');
    if (rows[0]?.standby !== true) throw new NotInRecoveryError();
  } finally {
    client.end().catch(() => undefined);
  }
}
