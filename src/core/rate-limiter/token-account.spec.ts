import { PolicyTerms } from './policy-terms.js';
import { TokenAccount } from './token-account.js';
import type { WindowReply } from './window-script.js';

const WINDOW_MS = 60_000;
/** Two processes share it: a credit of 30 points each, leases of 75. */
const POLICY = { name: 'test', limit: 1200, windowMs: WINDOW_MS };
const PODS = 2;
const CREDIT = 30;
const LEASE = 75;

function open() {
  const account = new TokenAccount(new PolicyTerms(POLICY, PODS), '203.0.113.7');
  const spend = (nowMs: number, cost = 1): boolean => {
    if (account.standing(cost, nowMs) !== 'spendable') return false;
    account.spend(cost, nowMs);
    return true;
  };
  const spendAll = (nowMs: number): number => {
    let spent = 0;
    while (spend(nowMs)) spent += 1;
    return spent;
  };
  /** One question to Redis and its reply, which arrives at once. */
  const ask = (needed: number, nowMs: number, reply: Partial<WindowReply> = {}) => {
    const order = account.order(needed, nowMs);
    account.settle(
      order,
      { granted: 0, remaining: 1000, retryMs: 0, resetMs: WINDOW_MS, ...reply },
      nowMs,
      nowMs,
    );
    return order;
  };
  return { account, spend, spendAll, ask };
}

describe('a token account', () => {
  it('spends its part of the credit before anything is reported, and not a point more', () => {
    const { account, spendAll } = open();
    expect(spendAll(0)).toBe(CREDIT);
    expect(account.standing(1, 0)).toBe('unknown');
  });

  it('has no more credit while a report is under way, and all of it behind the reply', () => {
    const { account, spendAll } = open();
    spendAll(0);
    const order = account.order(0, 0);
    expect(order.forced).toBe(CREDIT);
    expect(spendAll(0)).toBe(0);
    account.settle(order, { granted: 0, remaining: 1170, retryMs: 0, resetMs: WINDOW_MS }, 0, 1);
    expect(spendAll(1)).toBe(CREDIT);
  });

  it('owes again what was in a report that failed', () => {
    const { account, spendAll } = open();
    spendAll(0);
    account.settleFailed(account.order(0, 0));
    expect(account.order(0, 1).forced).toBe(CREDIT);
  });

  it('wants a report at once when half of the credit is spent, but no second one beside it', () => {
    const { account, spend } = open();
    for (let n = 0; n < CREDIT / 2; n += 1) spend(0);
    expect(account.isPressed).toBe(false);
    spend(0);
    expect(account.isPressed).toBe(true);
    account.order(0, 0);
    expect(account.isPressed).toBe(false);
  });

  it('asks for a lease where many points were spent, spends it first and gives back the rest at its end', () => {
    const { account, spend, spendAll, ask } = open();
    spendAll(0);
    const order = ask(0, 0, { granted: LEASE });
    expect([order.wanted, order.leadMs]).toEqual([LEASE, 1875]);
    expect(spend(1874, LEASE - 5)).toBe(true);
    expect(account.order(0, 1874)).toMatchObject({ forced: 0, back: 0 });
    expect(account.order(0, 1875)).toMatchObject({ forced: 0, back: 5 });
  });

  it('asks for no lease where few points were spent', () => {
    const { spend, ask } = open();
    for (let n = 0; n < 7; n += 1) spend(0);
    expect(ask(0, 0)).toMatchObject({ forced: 7, wanted: 0 });
  });

  it('remembers a denial until it can succeed, for as many points as were asked for', () => {
    const { account, ask } = open();
    ask(5, 0, { remaining: 4, retryMs: 700 });
    expect(account.standing(5, 699)).toBe('denied');
    expect(account.state(false, 699)).toMatchObject({ isWithin: false, remaining: 4, retryMs: 1 });
    expect(account.standing(4, 699)).toBe('spendable');
    expect(account.standing(5, 700)).toBe('unknown');
  });

  it('never tells of a longer wait than Redis did, whatever part of a millisecond it is', () => {
    const { account, ask } = open();
    for (const nowMs of [1000.001, 123_456_789.4, 987_654_321.999]) {
      ask(1, nowMs, { remaining: 0, retryMs: WINDOW_MS, resetMs: WINDOW_MS });
      const { retryMs, resetMs } = account.state(false, nowMs);
      expect(Math.max(retryMs, resetMs)).toBeLessThanOrEqual(WINDOW_MS);
      expect(Math.min(retryMs, resetMs)).toBeGreaterThan(WINDOW_MS - 1);
    }
  });

  it('spends no more on credit than Redis said is left', () => {
    const { spendAll, ask } = open();
    ask(0, 0, { remaining: 3 });
    expect(spendAll(0)).toBe(3);
  });

  it('reports what it admitted without Redis, as far as that is still in the window', () => {
    const { account } = open();
    account.window.add(40, 0, POLICY);
    account.spendWithoutRedis(40);
    account.window.add(2, WINDOW_MS, POLICY);
    account.spendWithoutRedis(2);
    expect(account.order(0, WINDOW_MS + 1000).forced).toBe(2);
  });

  it('lies in one of 64 buckets, together with the other limits of its subject', () => {
    const terms = new PolicyTerms(POLICY, PODS);
    const buckets = new Set<number>();
    for (let n = 0; n < 2000; n += 1) {
      const { bucket, redisKey } = new TokenAccount(terms, `subject-${String(n)}`);
      expect(new TokenAccount(terms, `subject-${String(n)}|detail`).bucket).toBe(bucket);
      expect(redisKey).toContain(`{limits-${String(bucket)}}`);
      buckets.add(bucket);
    }
    expect([...buckets].sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, bucket) => bucket));
  });
});
