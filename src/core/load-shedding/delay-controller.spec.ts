import { ManualClock } from '../../common/manual-clock.js';
import { DelayController } from './delay-controller.js';

const TARGET_MS = 20;

describe('the overload level', () => {
  let clock: ManualClock;
  let controller: DelayController;
  beforeEach(() => {
    clock = new ManualClock(1000);
    controller = new DelayController(clock, TARGET_MS);
  });

  /** One interval during which the loop is late by so much each time. */
  const spend = (...delaysMs: number[]): number => {
    for (const delayMs of delaysMs) {
      clock.advance(100 / delaysMs.length);
      controller.observe(delayMs);
    }
    return controller.level;
  };
  const standing = (delayMs: number, intervals: number): number => {
    for (let i = 0; i < intervals; i += 1) spend(delayMs, delayMs, delayMs, delayMs);
    return controller.level;
  };

  it('stays calm while the delay comes and goes', () => {
    for (let i = 0; i < 100; i += 1) expect(spend(0, 300, 5, 80)).toBe(0);
  });

  it('does not take a process that was stopped for an overloaded one', () => {
    clock.advance(10_000);
    expect(controller.observe(9990)).toBe(false);
    expect(spend(0, 0)).toBe(0);
  });

  it('rises with what stands, faster the longer it is, and never by more than a quarter', () => {
    const [first, second, third] = [standing(25, 1), standing(40, 1), standing(10_000, 1)];
    expect(first).toBeCloseTo(0.0625);
    expect(second - first).toBeCloseTo(0.1);
    expect(third - second).toBeCloseTo(0.25);
    expect(standing(10_000, 50)).toBe(3);
  });

  it('holds between the target and its half, and falls slowly below', () => {
    const raised = standing(60, 5);
    expect(standing(15, 50)).toBe(raised);
    expect(standing(2, 1)).toBeCloseTo(raised - 0.02);
    expect(standing(2, 100)).toBe(0);
  });

  it('gives back what matters most within a second', () => {
    standing(500, 50);
    expect(standing(2, 10)).toBeCloseTo(2);
    expect(standing(2, 20)).toBeCloseTo(1);
    expect(standing(2, 49)).toBeGreaterThan(0);
  });

  it.each([1.2, 2, 3, 8])('settles without flapping at %d times the capacity', (load) => {
    // A loop that works off one second's work a second; what it cannot, makes the next turn late.
    const levels: number[] = [];
    let backlogMs = 0;
    for (let interval = 0; interval < 600; interval += 1) {
      const admitted = load * (1 - Math.min(1, controller.level));
      backlogMs = Math.max(0, Math.min(1000, backlogMs + (admitted - 1) * 100));
      levels.push(standing(backlogMs, 1));
    }
    const settled = levels.slice(200);
    const needed = 1 - 1 / load;
    const mean = settled.reduce((sum, level) => sum + Math.min(1, level), 0) / settled.length;
    expect(mean).toBeGreaterThan(needed - 0.05);
    expect(mean).toBeLessThan(needed + 0.2);
    const jumps = settled.slice(1).map((level, index) => Math.abs(level - (settled[index] ?? 0)));
    expect(Math.max(...jumps)).toBeLessThanOrEqual(0.25);
  });
});
