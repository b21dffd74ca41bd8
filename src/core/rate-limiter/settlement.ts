import type { Clock } from '../../common/clock.js';
import type { Fleet } from './fleet.js';
import type { TokenAccount } from './token-account.js';
import type { WindowCommands } from './window-commands.js';
import { encodeOrders, encodeTerms, type WindowOrder, type WindowReply } from './window-script.js';

/** How long spending on credit stays unreported, unless it comes near the credit. */
const REPORT_AFTER_MS = 1000;
/** How often is looked for what is due: so much later it is reported at most. */
const TICK_MS = 100;
/** Accounts of one turn of the event loop: some milliseconds. */
const TURN_MAX = 2048;
/** Windows of one command: half a millisecond of the server. */
const COMMAND_KEYS_MAX = 64;
/** Accounts with something to report; beyond it nobody spends locally. */
const UNSETTLED_MAX = 65_536;

/** Asks Redis about accounts, and reports what they have spent since, many at once. */
export class Settlement {
  /** In the order of their notes; those before `reported` are done. */
  private noted: TokenAccount[] = [];
  private reported = 0;
  private hurried: TokenAccount[] = [];
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly commands: WindowCommands,
    private readonly fleet: Fleet,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.noted.length - this.reported;
  }

  get isFull(): boolean {
    return this.size >= UNSETTLED_MAX;
  }

  /** Something was spent that Redis does not know. What comes on top of a full settlement is never reported. */
  note(account: TokenAccount, nowMs: number): void {
    if (account.isPressed && !account.isHurried) this.hurry(account);
    if (account.notedAtMs !== 0 || this.isFull) return;
    account.notedAtMs = nowMs;
    this.noted.push(account);
    this.timer ??= this.schedule();
  }

  /**
   * Takes the needed points of all accounts, which share a bucket, or of none; reports what they owe.
   * @throws what Redis throws; what was owed is owed still.
   */
  async take(accounts: readonly TokenAccount[], costs: readonly number[]): Promise<WindowReply[]> {
    const nowMs = this.clock.monotonicMs();
    const orders = accounts.map((account, index) => account.order(costs[index] ?? 1, nowMs));
    return this.ask(accounts, orders, 'take', nowMs);
  }

  /** Reports everything that is owed. Never rejects. */
  async settle(): Promise<void> {
    // Not until there are none: who has a lease owes something again.
    for (let left = this.size; left > 0 && this.fleet.isRedisUsable; left -= TURN_MAX)
      await this.report(this.takeNoted(Infinity));
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    await this.settle();
  }

  private schedule(): NodeJS.Timeout {
    return setTimeout(() => {
      this.timer = null;
      if (this.fleet.isRedisUsable)
        void this.report(this.takeNoted(this.clock.monotonicMs() - REPORT_AFTER_MS));
      // What is noted while Redis is away is reported when it is back.
      if (this.size > 0) this.timer ??= this.schedule();
    }, TICK_MS).unref();
  }

  private hurry(account: TokenAccount): void {
    account.isHurried = true;
    this.hurried.push(account);
    if (this.hurried.length > 1) return;
    setImmediate(() => {
      const accounts = this.hurried;
      this.hurried = [];
      for (const hurried of accounts) hurried.isHurried = false;
      if (this.fleet.isRedisUsable) void this.report(accounts);
    });
  }

  /** Those that were noted up to a time, the first ones first. */
  private takeNoted(untilMs: number): TokenAccount[] {
    const { noted, reported } = this;
    const end = Math.min(noted.length, reported + TURN_MAX);
    while (this.reported < end && (noted[this.reported]?.notedAtMs ?? Infinity) <= untilMs)
      this.reported += 1;
    const taken = noted.slice(reported, this.reported);
    for (const account of taken) account.notedAtMs = 0;
    if (2 * this.reported >= noted.length) {
      this.noted = noted.slice(this.reported);
      this.reported = 0;
    }
    return taken;
  }

  /** Never rejects. */
  private async report(noted: readonly TokenAccount[]): Promise<void> {
    const nowMs = this.clock.monotonicMs();
    const byBucket = new Map<string, TokenAccount[]>();
    for (const account of noted) {
      if (!account.isUnsettled) continue;
      const group = byBucket.get(account.bucket);
      if (group === undefined) byBucket.set(account.bucket, [account]);
      else group.push(account);
    }
    const commands: Promise<unknown>[] = [];
    for (const group of byBucket.values()) {
      for (let from = 0; from < group.length; from += COMMAND_KEYS_MAX) {
        const accounts = group.slice(from, from + COMMAND_KEYS_MAX);
        const orders = accounts.map((account) => account.order(0, nowMs));
        commands.push(
          this.ask(accounts, orders, 'each', nowMs).catch((error: unknown) => {
            this.fleet.trip(error);
          }),
        );
      }
    }
    await Promise.all(commands);
  }

  private async ask(
    accounts: readonly TokenAccount[],
    orders: readonly WindowOrder[],
    mode: 'take' | 'each',
    askedMs: number,
  ): Promise<WindowReply[]> {
    try {
      const replies = await this.commands.run(
        accounts.map(({ redisKey }) => redisKey),
        argsOf(accounts, orders, mode),
      );
      const nowMs = this.clock.monotonicMs();
      for (const [index, account] of accounts.entries()) {
        const [order, reply] = [orders[index], replies[index]];
        if (order === undefined || reply === undefined) throw new Error('window-take.lua left out a key');
        account.settle(order, reply, askedMs, nowMs);
      }
      return replies;
    } catch (error) {
      for (const [index, account] of accounts.entries()) account.settleFailed(orders[index] ?? {});
      throw error;
    } finally {
      const nowMs = this.clock.monotonicMs();
      for (const account of accounts) if (account.isUnsettled) this.note(account, nowMs);
    }
  }
}

/** One point of each is what the script does when it is told nothing else. */
function argsOf(
  accounts: readonly TokenAccount[],
  orders: readonly WindowOrder[],
  mode: 'take' | 'each',
): (string | Buffer)[] {
  const terms = encodeTerms(accounts.map(({ terms: { policy } }) => policy));
  return mode === 'take' && orders.every(isPlain) ? [terms] : [terms, mode, encodeOrders(orders)];
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
