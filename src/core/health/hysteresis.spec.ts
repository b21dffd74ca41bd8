import { Hysteresis } from './hysteresis.js';

describe('hysteresis', () => {
  const after = (observations: string, failuresToDown = 3, successesToUp = 2) => {
    const hysteresis = new Hysteresis({ failuresToDown, successesToUp });
    for (const each of observations) hysteresis.observe(each === '+');
    return hysteresis;
  };

  it('believes nothing before the first observation, and the first one at once', () => {
    expect(after('').isUp).toBeNull();
    expect(after('+').isUp).toBe(true);
    expect(after('-').isUp).toBe(false);
  });

  it.each([
    ['+--', true],
    ['+---', false],
    ['+--+--', true],
    ['+---+', false],
    ['+---++', true],
    ['+---+-+', false],
    ['-+', false],
    ['-++', true],
  ])('after %s believes %p', (observations, isUp) => {
    expect(after(observations).isUp).toBe(isUp);
  });

  it('is in doubt exactly while observations contradict it', () => {
    expect(['+', '+-', '+--', '+---', '+--+', '+---+'].map((each) => after(each).isInDoubt)).toEqual([
      false,
      true,
      true,
      false,
      false,
      true,
    ]);
  });

  it('of one and one follows every observation', () => {
    expect(['+', '+-', '+-+'].map((each) => after(each, 1, 1).isUp)).toEqual([true, false, true]);
  });
});
