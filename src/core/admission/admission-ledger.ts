import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../common/clock.js';
import { SingleFlight } from '../../common/single-flight.js';
import { OptimizedPrismaService, type SqlTransaction } from '../../infrastructure/database/prisma/index.js';
import { redisKeys, RedisScript, RedisService } from '../../infrastructure/redis/index.js';

/** A note outlives the stored answer (24 h) by a margin for the batch that is still to commit. */
const NOTE_LIFE_MS = 24 * 3_600_000 + 600_000;
/** How long a process may act on an epoch it has read; breaking an epoch waits this long. */
const LEASE_MS = 1000;
/** Covers what timers and schedulers round away when somebody waits for a lease to end. */
const LEASE_MARGIN_MS = 100;
const LEASE_END_MS = LEASE_MS + LEASE_MARGIN_MS;
/** Keys asked for in one command. */
const FIND_MAX = 256;

const noteScript = new RedisScript<string | null>(
  new URL('./scripts/admission-note.lua', import.meta.url),
  (reply) => (typeof reply === 'string' ? reply : null),
);

/**
 * What Redis holds in place of the bare epoch: a replica that becomes the master inherits the value, but
 * not the run id, so nothing is trusted on it until an epoch of its own has begun.
 */
export const epochMark = (epoch: string, runId: string): string => `${epoch}@${runId}`;

interface Lease {
  readonly epoch: string | null;
  readonly endsMs: number;
}

interface Question {
  readonly digest: string;
  readonly answer: (isKnownNew: boolean) => void;
}

/**
 * Knows which idempotency keys have certainly never been admitted, so that a key can be refused without
 * a question to PostgreSQL. It errs only towards "ask PostgreSQL".
 *
 * Every key is noted in Redis before the transaction that may admit it. The notes are trusted under an
 * *epoch*, whose name is kept in PostgreSQL and in Redis:
 * - A transaction reads the epoch and may commit only if its notes were written under that epoch, or if
 *   PostgreSQL has had none for as long as a lease lasts. Whoever cannot note (Redis is away) first breaks
 *   the epoch in PostgreSQL and waits until every process's lease on it is over.
 * - A refusal needs a lease on the epoch (read from PostgreSQL less than {@link LEASE_MS} ago), the same
 *   epoch declared complete in Redis by the very server process that answers, and no note of the key.
 * - A Redis that lost data has lost the declaration or runs under another run id. The keeper then begins
 *   a new epoch: it waits for the transactions of the old one and notes every stored answer anew.
 *
 * The protocol and its argument are ADR 0004.
 */
@Injectable()
export class AdmissionLedger {
  private lease: Lease = { epoch: null, endsMs: 0 };
  private readonly renewal = new SingleFlight(() => this.renewLease());
  private questions: Question[] = [];

  constructor(
    private readonly redis: RedisService,
    private readonly database: OptimizedPrismaService,
    private readonly clock: Clock,
  ) {}

  /**
   * Notes the keys and tells whether this transaction may admit them, and the time of the database. One
   * statement; the notes are written meanwhile, and in any case before the transaction can commit.
   */
  async mayAdmit(
    transaction: SqlTransaction,
    digests: readonly string[],
  ): Promise<{ mayAdmit: boolean; now: Date }> {
    const [state, notedEpoch] = await Promise.all([this.readState(transaction), this.note(digests)]);
    // Without an epoch nobody trusts notes, once the leases on the last one are over.
    const mayAdmit = state.epoch === null ? state.isSettled : state.epoch === notedEpoch;
    return { mayAdmit, now: state.now };
  }

  /** Notes the keys. The epoch under which they are noted; null when they are not, or nobody trusts notes at present. */
  async note(digests: readonly string[]): Promise<string | null> {
    const runId = this.runId();
    if (runId === null) return null;
    try {
      const keys = [redisKeys.admissionEpoch(), ...digests.map((digest) => redisKeys.admissionNote(digest))];
      const [epoch, markedRunId] =
        (await noteScript.run(this.redis.client('main'), keys, [NOTE_LIFE_MS]))?.split('@') ?? [];
      return epoch !== undefined && markedRunId === runId && this.runId() === runId ? epoch : null;
    } catch {
      return null;
    }
  }

  /** Ends the trust in the present epoch, everywhere, before it returns. Called when keys cannot be noted. */
  async breakEpoch(): Promise<void> {
    await this.database.write.$executeRawUnsafe(
      'UPDATE admission_state SET epoch = NULL, broken_at = clock_timestamp() WHERE epoch IS NOT NULL',
    );
    await sleep(LEASE_END_MS);
  }

  /**
   * True when the key was certainly never admitted at the time of the call; false when it was, or when
   * nobody can tell without PostgreSQL. Questions of one turn of the event loop share a Redis command.
   */
  isKnownNew(digest: string): Promise<boolean> {
    if (!this.redis.isReady('main')) return Promise.resolve(false);
    return new Promise((answer) => {
      this.questions.push({ digest, answer });
      if (this.questions.length === 1) setImmediate(() => void this.ask());
      else if (this.questions.length >= FIND_MAX) void this.ask();
    });
  }

  /**
   * Of the server that answers for the notes. Compared again behind each reply: in a cluster the question
   * may have been redirected to a replica that was promoted, which has the value but maybe not the notes.
   */
  private runId(): string | null {
    return this.redis.runIdOf('main', redisKeys.admissionEpoch());
  }

  private async readState(
    transaction: SqlTransaction,
  ): Promise<{ epoch: string | null; isSettled: boolean; now: Date }> {
    const [state] = await transaction.query<{ epoch: string | null; is_settled: boolean; now: Date }>(
      `SELECT epoch, clock_timestamp() AS now,
         broken_at IS NULL OR clock_timestamp() > broken_at + make_interval(secs => $1) AS is_settled
       FROM admission_state`,
      [LEASE_END_MS / 1000],
    );
    if (state === undefined) throw new Error('admission_state has no row: the schema is not migrated');
    return { epoch: state.epoch, isSettled: state.is_settled, now: state.now };
  }

  private async ask(): Promise<void> {
    const questions = this.questions.splice(0);
    if (questions.length === 0) return;
    const noted = await this.findNotes(questions.map(({ digest }) => digest));
    questions.forEach(({ answer }, index) => {
      answer(noted?.[index] === null);
    });
  }

  /** For each key its note or null; null for all when the notes cannot be trusted. */
  private async findNotes(digests: readonly string[]): Promise<(string | null)[] | null> {
    try {
      const { epoch } = await this.currentLease();
      const runId = this.runId();
      if (epoch === null || runId === null) return null;
      const keys = [
        redisKeys.admissionComplete(),
        ...digests.map((digest) => redisKeys.admissionNote(digest)),
      ];
      // One command: the notes are those of the very epoch that it finds complete.
      const [complete, ...noted] = await this.redis.client('main').mget(keys);
      // The lease must still hold now: what was read is only acted upon under it.
      const holds = this.lease.epoch === epoch && this.clock.monotonicMs() < this.lease.endsMs;
      return holds && complete === epochMark(epoch, runId) && this.runId() === runId ? noted : null;
    } catch {
      return null;
    }
  }

  /** Renewed in its second half, so that a crowd does not run into its end. */
  private currentLease(): Lease | Promise<Lease> {
    const leftMs = this.lease.endsMs - this.clock.monotonicMs();
    if (leftMs > LEASE_MS / 2) return this.lease;
    const renewed = this.renewal.join();
    if (leftMs <= 0) return renewed;
    // Without the database the lease runs out, and then whoever asks is told.
    renewed.catch(() => undefined);
    return this.lease;
  }

  private async renewLease(): Promise<Lease> {
    // The lease counts from before the question, or a slow answer would stretch it.
    const endsMs = this.clock.monotonicMs() + LEASE_MS;
    const state = await this.database.write.admissionState.findUnique({ where: { id: 1 } });
    this.lease = { epoch: state?.epoch ?? null, endsMs };
    return this.lease;
  }
}
