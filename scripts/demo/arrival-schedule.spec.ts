import { arrivalSchedule } from './arrival-schedule.mjs';

describe('arrivalSchedule', () => {
  const arrivals = arrivalSchedule({ buyers: 5_000, durationMs: 10_000 });

  it('brings every buyer, in order, while the sale is open', () => {
    expect(arrivals).toHaveLength(5_000);
    expect(arrivals).toEqual([...arrivals].sort((a, b) => a - b));
    expect(arrivals[0]).toBeGreaterThanOrEqual(0);
    expect(arrivals.at(-1)).toBeLessThan(10_000);
  });

  it('brings a rush when the doors open and a steady crowd afterwards', () => {
    const arrivedBetween = (fromMs: number, toMs: number) =>
      arrivals.filter((atMs) => atMs >= fromMs && atMs < toMs).length;

    expect(arrivedBetween(0, 1_000)).toBeGreaterThan(1_250);
    expect(arrivedBetween(8_000, 9_000)).toBeGreaterThan(250);
    expect(arrivedBetween(8_000, 9_000)).toBeLessThan(350);
  });

  it('brings the same crowd for the same seed and another for another', () => {
    expect(arrivalSchedule({ buyers: 50, durationMs: 1_000, seed: 7 })).toEqual(
      arrivalSchedule({ buyers: 50, durationMs: 1_000, seed: 7 }),
    );
    expect(arrivalSchedule({ buyers: 50, durationMs: 1_000, seed: 7 })).not.toEqual(
      arrivalSchedule({ buyers: 50, durationMs: 1_000, seed: 8 }),
    );
  });
});
