import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { newId } from '../../common/ids.js';
import { OptimizedPrismaService } from '../../infrastructure/database/prisma/index.js';
import { Logger } from '../../infrastructure/logging/index.js';
import { type RedisClient, redisKeys, RedisScript, RedisService } from '../../infrastructure/redis/index.js';
import { IDEMPOTENCY_TTL_HOURS, IdempotencyScope } from '../idempotency/index.js';
import { JobRunner } from '../jobs/index.js';
import { AdmissionLedger, epochMark } from './admission-ledger.js';

const EPOCH_LIFE_MS = 3_600_000;
/** The keys' lives are lengthened so often. */
const EPOCH_REFRESH_MS = EPOCH_LIFE_MS / 60;
const PAGE_SIZE = 2000;
const LOOK_MS = 1000;
const POLL_MS = 50;
/** A transaction that is older than this is ended by its server's deadlines. */
const OLD_TRANSACTIONS_DEADLINE_MS = 60_000;

const completeScript = new RedisScript<boolean>(
  new URL('./scripts/admission-complete.lua', import.meta.url),
  (reply) => reply === 1,
);

interface ScopeRow {
  principal_id: string;
  route: string;
  key: string;
}

/** Keeps the notes of admitted keys trustworthy: begins a new epoch when the present one is not. */
@Injectable()
export class AdmissionKeeper implements OnModuleInit {
  private refreshAtMs = -Infinity;

  constructor(
    private readonly redis: RedisService,
    private readonly database: OptimizedPrismaService,
    private readonly ledger: AdmissionLedger,
    private readonly jobs: JobRunner,
    private readonly logger: Logger,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'admission-keeper',
      intervalMs: LOOK_MS,
      isSingleton: true,
      run: async () => {
        await this.keep();
        return false;
      },
    });
  }

  /** One look; true when a new epoch was begun and declared. Run by one process at a time. */
  async keep(): Promise<boolean> {
    const runId = this.redis.runIdOf('main', redisKeys.admissionEpoch());
    if (runId === null) return false;
    const client = this.redis.client('main');
    const state = await this.database.write.admissionState.findUnique({ where: { id: 1 } });
    const epoch = state?.epoch ?? null;
    if (epoch !== null && (await client.get(redisKeys.admissionComplete())) === epochMark(epoch, runId)) {
      await this.lengthenLives(client);
      return false;
    }
    return this.beginEpoch(runId);
  }

  private async lengthenLives(client: RedisClient): Promise<void> {
    const nowMs = performance.now();
    if (nowMs < this.refreshAtMs) return;
    await client.pexpire(redisKeys.admissionEpoch(), EPOCH_LIFE_MS);
    await client.pexpire(redisKeys.admissionComplete(), EPOCH_LIFE_MS);
    this.refreshAtMs = nowMs + EPOCH_REFRESH_MS;
  }

  private async beginEpoch(runId: string): Promise<boolean> {
    const epoch = newId();
    const client = this.redis.client('main');
    // Nobody may act on the old epoch any more when the first key is admitted under the new one.
    await this.ledger.breakEpoch();
    await client.set(redisKeys.admissionEpoch(), epochMark(epoch, runId), 'PX', EPOCH_LIFE_MS);
    await this.database.write.admissionState.update({ where: { id: 1 }, data: { epoch, brokenAt: null } });
    await this.waitForOlderTransactions();
    const count = await this.noteStoredAnswers();
    const isDeclared = await completeScript.run(
      client,
      [redisKeys.admissionEpoch(), redisKeys.admissionComplete()],
      [epochMark(epoch, runId), EPOCH_LIFE_MS],
    );
    this.logger.info({ epoch, count, isDeclared }, 'a new epoch of admission notes has begun');
    return isDeclared;
  }

  /** Transactions that may have read the epoch before end first; what they admit is then visible to the copy. */
  private async waitForOlderTransactions(): Promise<void> {
    const [row] = await this.database.write.$queryRawUnsafe<{ now: string }[]>(
      'SELECT clock_timestamp()::text AS now',
    );
    const now = row?.now ?? '';
    const deadlineMs = performance.now() + OLD_TRANSACTIONS_DEADLINE_MS;
    for (;;) {
      const older = await this.database.write.$queryRawUnsafe<unknown[]>(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
           AND state <> 'idle' AND backend_type = 'client backend' AND xact_start < $1::timestamptz LIMIT 1`,
        now,
      );
      if (older.length === 0) return;
      if (performance.now() > deadlineMs)
        throw new Error('old transactions do not end; the epoch is not declared');
      await sleep(POLL_MS);
    }
  }

  private async noteStoredAnswers(): Promise<number> {
    let after: ScopeRow = { principal_id: '00000000-0000-0000-0000-000000000000', route: '', key: '' };
    for (let count = 0; ;) {
      const page = await this.database.write.$queryRawUnsafe<ScopeRow[]>(
        `SELECT principal_id::text, route, key FROM idempotency_records
         WHERE created_at > now() - make_interval(hours => ${String(IDEMPOTENCY_TTL_HOURS)})
           AND (principal_id, route, key) > ($1::uuid, $2, $3)
         ORDER BY principal_id, route, key LIMIT ${String(PAGE_SIZE)}`,
        after.principal_id,
        after.route,
        after.key,
      );
      const last = page.at(-1);
      if (last === undefined) return count;
      const digests = page.map(
        ({ principal_id, route, key }) => new IdempotencyScope(principal_id, route, key).digest,
      );
      if ((await this.ledger.note(digests)) === null)
        throw new Error('Redis went away while keys were noted');
      count += page.length;
      after = last;
    }
  }
}
