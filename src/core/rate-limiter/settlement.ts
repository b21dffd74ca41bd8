import type { Clock } from '../../common/clock.js';
import type { Fleet } from './fleet.js';
import { BUCKETS, type TokenAccount } from './token-account.js';
import type { WindowCommands } from './window-commands.js';
import { encodeOrders, type WindowOrder, type WindowReply } from './window-script.js';

/** Every bucket has its turn once in five seconds: how long spending far below the credit stays unreported. */
const TURN_MS = 80;
/** Accounts that one bucket reports at once: some milliseconds of this process. */
const BUCKET_REPORT_MAX = 2048;
/** Windows of one command: half a millisecond of the server. */
const COMMAND_KEYS_MAX = 64;
/** Accounts with something to report; beyond it nobody spends locally. */
const UNSETTLED_MAX = 65_536;

/**
 * Asks Redis about accounts, and reports what they have spent since. A bucket reports all its accounts at once:
 * a command costs as much as dozens of the windows that it carries.
 */
export class Settlement {
  /** Accounts that owe a report, by bucket. */
  private readonly noted: TokenAccount[][] = Array.from({ length: BUCKETS }, () => []);
  private notedCount = 0;
  private nextBucket = 0;
  private hurried: TokenAccount[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly commands: Pick<WindowCommands, 'run'>,
    private readonly fleet: Pick<Fleet, 'isRedisUsable' | 'trip'>,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.notedCount;
  }

  get isFull(): boolean {
    return this.notedCount >= UNSETTLED_MAX;
  }

  /** Something was spent that Redis does not know. What comes on top of a full settlement is never reported. */
  note(account: TokenAccount): void {
    if (account.isPressed && !account.isHurried) this.hurry(account);
    if (account.isNoted || this.isFull) return;
    account.isNoted = true;
    this.noted[account.bucket]?.push(account);
    this.notedCount += 1;
    this.timer ??= this.schedule();
  }

  /**
   * Takes the needed points of all accounts, which share a bucket, or of none; reports what they owe.
   * @throws what Redis throws; what was owed is owed still.
   */
  take(accounts: readonly TokenAccount[], costs: readonly number[]): Promise<WindowReply[]> {
    const nowMs = this.clock.monotonicMs();
    const orders = accounts.map((account, index) => account.order(costs[index] ?? 1, nowMs));
    return this.ask(accounts, orders, 'take', nowMs);
  }

  /** Reports everything that is owed. Never rejects. */
  async settle(): Promise<void> {
    for (const [bucket, { length }] of this.noted.entries()) {
      // Not until there are none: who has a lease owes something again.
      for (let left = length; left > 0 && this.fleet.isRedisUsable; left -= BUCKET_REPORT_MAX)
        await this.report(this.takeNoted(bucket));
    }
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    await this.settle();
  }

  private schedule(): NodeJS.Timeout {
    return setTimeout(() => {
      this.timer = null;
      // What is noted while Redis is away is reported when it is back.
      if (this.fleet.isRedisUsable) void this.report(this.takeNoted(this.nextBucket));
      this.nextBucket = (this.nextBucket + 1) % BUCKETS;
      if (this.notedCount > 0) this.timer ??= this.schedule();
    }, TURN_MS).unref();
  }

  private hurry(account: TokenAccount): void {
    account.isHurried = true;
    this.hurried.push(account);
    if (this.hurried.length > 1) return;
    setImmediate(() => {
      const byBucket = new Map<number, TokenAccount[]>();
      for (const hurried of this.hurried) {
        hurried.isHurried = false;
        const group = byBucket.get(hurried.bucket);
        if (group === undefined) byBucket.set(hurried.bucket, [hurried]);
        else group.push(hurried);
      }
      this.hurried = [];
      for (const group of byBucket.values()) if (this.fleet.isRedisUsable) void this.report(group);
    });
  }

  private takeNoted(bucket: number): TokenAccount[] {
    const accounts = this.noted[bucket]?.splice(0, BUCKET_REPORT_MAX) ?? [];
    this.notedCount -= accounts.length;
    for (const account of accounts) account.isNoted = false;
    return accounts;
  }

  /** Of accounts of one bucket. Never rejects. */
  private async report(noted: readonly TokenAccount[]): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    const owing = noted.filter(({ isUnsettled }) => isUnsettled);
    const commands: Promise<unknown>[] = [];
    for (let from = 0; from < owing.length; from += COMMAND_KEYS_MAX) {
      const accounts = owing.slice(from, from + COMMAND_KEYS_MAX);
      const orders = accounts.map((account) => account.order(0, nowMs));
      commands.push(
        this.ask(accounts, orders, 'each', nowMs).catch((error: unknown) => {
          this.fleet.trip(error);
        }),
      );
    }
    await Promise.all(commands);
  }

  private ask(
    accounts: readonly TokenAccount[],
    orders: readonly WindowOrder[],
    mode: 'take' | 'each',
    askedMs: number,
  ): Promise<WindowReply[]> {
    const [keys, args] = commandOf(accounts, orders, mode);
    return this.commands.run(keys, args).then(
      (replies) => {
        const nowMs = this.clock.monotonicMs();
        accounts.forEach((account, index) => {
          const [order, reply] = [orders[index], replies[index]];
          if (order === undefined || reply === undefined) throw new Error('window-take.lua left out a key');
          account.settle(order, reply, askedMs, nowMs);
          if (account.isUnsettled) this.note(account);
        });
        return replies;
      },
      (error: unknown) => {
        accounts.forEach((account, index) => {
          account.settleFailed(orders[index] ?? {});
          if (account.isUnsettled) this.note(account);
        });
        throw error;
      },
    );
  }
}

/** One point of each is what the script does when it is told nothing else, and one key is enough for one log. */
function commandOf(
  accounts: readonly TokenAccount[],
  orders: readonly WindowOrder[],
  mode: 'take' | 'each',
): [keys: string[], args: (string | Buffer)[]] {
  const keys = accounts.map(({ redisKey }) => redisKey);
  const terms = accounts.map(({ terms: { encoded } }) => encoded).join('');
  if (mode === 'each' || !orders.every(isPlain)) return [keys, [terms, mode, encodeOrders(orders)]];
  const [first = ''] = keys;
  return [keys.every((key) => key === first) ? [first] : keys, [terms]];
}

function isPlain({ forced, wanted, needed, back, leadMs, blockMs, isShadow }: WindowOrder): boolean {
  return (
    wanted === 1 &&
    needed === 1 &&
    forced === 0 &&
    back === 0 &&
    leadMs === 0 &&
    blockMs === 0 &&
    isShadow !== true
  );
}
