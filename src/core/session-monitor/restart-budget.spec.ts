import { ManualClock } from '../../common/manual-clock.js';
import { RestartBudget } from './restart-budget.js';

const POLICY = { restartsMax: 5, windowMs: 60_000, pauseMs: 250, pauseMaxMs: 1000 };

describe('a restart budget', () => {
  it('restarts at once, then after growing pauses, and not at all when it is spent', () => {
    const budget = new RestartBudget(new ManualClock(), POLICY);
    expect(Array.from({ length: 7 }, () => budget.spend())).toEqual([0, 250, 500, 1000, 1000, null, null]);
  });

  it('is full again when the window has passed', () => {
    const clock = new ManualClock();
    const budget = new RestartBudget(clock, POLICY);
    for (let restart = 0; restart < 5; restart += 1) {
      budget.spend();
      clock.advance(1000);
    }
    expect(budget.spend()).toBeNull();
    clock.advance(55_000);
    expect(budget.spend()).toBe(1000);
    expect(budget.spend()).toBeNull();
    clock.advance(60_000);
    expect(budget.spend()).toBe(0);
  });
});
