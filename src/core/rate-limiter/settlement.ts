import type { Clock } from '../../common/clock.js';
import type { Fleet } from './fleet.js';
import type { TokenAccount } from './token-account.js';
import type { WindowCommands } from './window-commands.js';
import { encodeOrders, encodeTerms, type WindowOrder, type WindowReply } from './window-script.js';

/** How long spending on credit stays unreported. */
const PAUSE_MS = 100;
/** Windows of one command: half a millisecond of the server. */
const COMMAND_KEYS_MAX = 64;
/** Accounts with something to report; beyond it nobody spends locally. */
const UNSETTLED_MAX = 65_536;

/** Asks Redis about accounts, and reports what they have spent since, many at once. */
export class Settlement {
  private readonly unsettled = new Set<TokenAccount>();
  private timer: NodeJS.Timeout | null = null;
  private isSoon = false;

  constructor(
    private readonly commands: WindowCommands,
    private readonly fleet: Fleet,
    private readonly clock: Clock,
  ) {}

  get size(): number {
    return this.unsettled.size;
  }

  get isFull(): boolean {
    return this.unsettled.size >= UNSETTLED_MAX;
  }

  /** Something was spent that Redis does not know. */
  note(account: TokenAccount): void {
    this.unsettled.add(account);
    if (account.isPressed) this.settleSoon();
    else this.timer ??= setTimeout(() => void this.settle(), PAUSE_MS).unref();
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
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (!this.fleet.isRedisUsable) return;
    const nowMs = this.clock.monotonicMs();
    const byBucket = new Map<string, TokenAccount[]>();
    for (const account of this.unsettled) {
      const group = byBucket.get(account.bucket);
      if (group === undefined) byBucket.set(account.bucket, [account]);
      else group.push(account);
    }
    this.unsettled.clear();
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

  stop(): Promise<void> {
    return this.settle();
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
      for (const account of accounts) if (account.isUnsettled) this.note(account);
    }
  }

  private settleSoon(): void {
    if (this.isSoon) return;
    this.isSoon = true;
    setImmediate(() => {
      this.isSoon = false;
      void this.settle();
    });
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
