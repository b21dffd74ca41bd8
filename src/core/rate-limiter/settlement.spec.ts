import { ManualClock } from '../../common/manual-clock.js';
import { PolicyTerms } from './policy-terms.js';
import { Settlement } from './settlement.js';
import { TokenAccount } from './token-account.js';
import type { WindowReply } from './window-script.js';

const POLICY = { name: 'test', limit: 1200, windowMs: 60_000 };
const COMMAND_KEYS_MAX = 64;

function open() {
  const clock = new ManualClock();
  const commands: (readonly string[])[] = [];
  const errors: unknown[] = [];
  const redis = { isRedisUsable: true, failure: null as Error | null };
  const settlement = new Settlement(
    {
      run: (keys) => {
        commands.push(keys);
        if (redis.failure !== null) return Promise.reject(redis.failure);
        return Promise.resolve(
          keys.map((): WindowReply => ({ granted: 0, remaining: 1000, retryMs: 0, resetMs: 60_000 })),
        );
      },
    },
    {
      get isRedisUsable() {
        return redis.isRedisUsable;
      },
      trip: (error) => {
        redis.isRedisUsable = false;
        errors.push(error);
      },
    },
    clock,
  );
  const terms = new PolicyTerms(POLICY, 1);
  let subjects = 0;
  const newAccounts = (count: number) =>
    Array.from({ length: count }, () => new TokenAccount(terms, `subject-${String((subjects += 1))}`));
  const spend = (account: TokenAccount, points: number): void => {
    for (let n = 0; n < points; n += 1) {
      account.spend(1, clock.ms);
      settlement.note(account);
    }
  };
  return { settlement, commands, errors, redis, newAccounts, spend };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('the settlement', () => {
  it('reports a client once, however often it came, and many in one command', async () => {
    const { settlement, commands, newAccounts, spend } = open();
    for (const account of newAccounts(1000)) spend(account, 3);
    expect(settlement.size).toBe(1000);
    await settlement.settle();
    expect(commands.flat()).toHaveLength(1000);
    expect(new Set(commands.flat()).size).toBe(1000);
    expect(commands.length).toBeLessThanOrEqual(64);
    expect(settlement.size).toBe(0);
  });

  it('puts only windows of one bucket into a command, and not too many', async () => {
    const { settlement, commands, newAccounts, spend } = open();
    for (const account of newAccounts(10_000)) spend(account, 1);
    await settlement.settle();
    for (const keys of commands) {
      expect(keys.length).toBeLessThanOrEqual(COMMAND_KEYS_MAX);
      expect(new Set(keys.map((key) => /\{.*\}/.exec(key)?.[0])).size).toBe(1);
    }
  });

  it('reports at once who has spent half of the credit', async () => {
    const { settlement, commands, newAccounts, spend } = open();
    const [calm, hot] = newAccounts(2);
    if (calm === undefined || hot === undefined) throw new Error('two accounts');
    spend(calm, 1);
    spend(hot, 31);
    await nextTurn();
    expect(commands).toEqual([[hot.redisKey]]);
    expect(settlement.size).toBe(2);
  });

  it('keeps what a report could not tell, and asks no more until Redis is back', async () => {
    const { settlement, commands, errors, redis, newAccounts, spend } = open();
    const [account] = newAccounts(1);
    if (account === undefined) throw new Error('one account');
    spend(account, 5);
    redis.failure = new Error('gone');
    await settlement.settle();
    expect([errors, settlement.size, account.isUnsettled]).toEqual([[redis.failure], 1, true]);
    await settlement.settle();
    expect(commands).toHaveLength(1);
    [redis.failure, redis.isRedisUsable] = [null, true];
    await settlement.settle();
    expect([commands.length, settlement.size, account.isUnsettled]).toEqual([2, 0, false]);
  });

  it('comes to an end although whoever has a lease owes something again', async () => {
    const { settlement, newAccounts } = open();
    const [account] = newAccounts(1);
    if (account === undefined) throw new Error('one account');
    account.settle({ needed: 0 }, { granted: 9, remaining: 9, retryMs: 0, resetMs: 60_000 }, 0, 0);
    settlement.note(account);
    await settlement.stop();
    expect(settlement.size).toBe(1);
  });

  it('is full at 65,536 clients, and takes none on top', () => {
    const { settlement, redis, newAccounts, spend } = open();
    redis.isRedisUsable = false;
    for (const account of newAccounts(65_536)) spend(account, 1);
    expect(settlement.isFull).toBe(true);
    for (const account of newAccounts(10)) spend(account, 1);
    expect(settlement.size).toBe(65_536);
  });
});
